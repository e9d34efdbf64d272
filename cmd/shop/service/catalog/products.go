package catalog

// Product is one thing the shop sells. Sold and Stock are nil when they could not be had.
type Product struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Cents    int64  `json:"cents"`
	Sold     *int64 `json:"sold,omitempty"`
	Stock    *int   `json:"stock,omitempty"`
	Degraded bool   `json:"degraded,omitempty"`
}

// Products is what the shop sells.
func Products() []Product {
	return []Product{
		{ID: "p1", Name: "Storm lantern", Cents: 3490},
		{ID: "p2", Name: "Rope, 30 m", Cents: 1890},
		{ID: "p3", Name: "First-aid kit", Cents: 2450},
		{ID: "p4", Name: "Whistle", Cents: 590},
		{ID: "p5", Name: "Compass", Cents: 2190},
		{ID: "p6", Name: "Fire blanket", Cents: 2990},
		{ID: "p7", Name: "Hand-crank radio", Cents: 4990},
		{ID: "p8", Name: "Water filter", Cents: 3990},
		{ID: "p9", Name: "Spare fuse set", Cents: 790},
		{ID: "p10", Name: "Duct tape", Cents: 690},
		{ID: "p11", Name: "Work gloves", Cents: 1290},
		{ID: "p12", Name: "Thermos flask", Cents: 2790},
	}
}
