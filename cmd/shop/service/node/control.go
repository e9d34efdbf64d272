package node

import (
	"net/http"

	"gameday/cmd/shop/service/resilience"
	"gameday/cmd/shop/service/web"
)

func (n *Node) getPatterns(w http.ResponseWriter, _ *http.Request) {
	_ = web.JSON(w, http.StatusOK, n.Switches.Map()) // whoever asked is gone
}

// setPatterns takes {"breaker": false, ...}; "patterns" stands for all of them. Nothing is switched when a name is unknown.
func (n *Node) setPatterns(w http.ResponseWriter, r *http.Request) {
	var want map[string]bool
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	err := web.Decode(r, &want)
	known := n.Switches.Map()
	for name := range want {
		if _, ok := known[name]; !ok && name != "patterns" && err == nil {
			err = web.Errorf(http.StatusBadRequest, "there is no pattern %q; use patterns or one of %v", name, resilience.All())
		}
	}
	if err != nil {
		_ = web.JSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()}) // whoever asked is gone
		return
	}
	if on, ok := want["patterns"]; ok {
		for _, p := range resilience.All() {
			n.turn(r, p, on)
		}
	}
	for name, on := range want {
		if name != "patterns" {
			n.turn(r, resilience.Pattern(name), on)
		}
	}
	n.getPatterns(w, r)
}

func (n *Node) turn(r *http.Request, p resilience.Pattern, on bool) {
	if n.Switches.On(p) == on {
		return
	}
	if err := n.Switches.Set(p, on); err != nil {
		n.Log.ErrorContext(r.Context(), "pattern not switched", "pattern", string(p), "cause", err.Error())
		return
	}
	n.Log.InfoContext(r.Context(), "pattern switched", "pattern", string(p), "on", on)
}
