package themes

import (
	"fmt"
	"strings"
)

// roleNames are the roles as a theme file writes them.
var roleNames = [NumRoles]string{"text", "muted", "title", "accent", "border", "border-active", "ok", "warning", "failed", "fault",
	"focus", "load", "key", "header", "production", "selected", "match", "series0", "series1", "series2", "series3", "series4",
	"series5", "series6", "series7"}

// String is the role's name in a theme file.
func (r Role) String() string {
	if r >= NumRoles {
		return fmt.Sprintf("role %d", uint8(r))
	}
	return roleNames[r]
}

// roleByName finds a role. Underscores do for hyphens, which not every format likes in a name.
func roleByName(name string) (Role, error) {
	clean := strings.ReplaceAll(strings.ToLower(name), "_", "-")
	best, dist := "", len(name)/2+1
	for r, n := range roleNames {
		if n == clean {
			return Role(r), nil
		}
		if d := distance(clean, n); d < dist {
			best, dist = n, d
		}
	}
	if best == "" {
		return 0, fmt.Errorf("roles.%s: there is no such role, choose one of %s", name, strings.Join(roleNames[:], ", "))
	}
	return 0, fmt.Errorf("roles.%s: there is no such role, did you mean %s", name, best)
}

// distance is the number of letters to change, add or drop.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := before
			if a[i-1] != b[j-1] {
				cost++
			}
			before = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
