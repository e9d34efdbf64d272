package fleet

import "gameday/cmd/shop/service"

// spec is one process of the shop, and what it depends on.
type spec struct {
	name, role, zone string
	deps             []dep
}

// dep is one edge: over which protocol a service reaches another.
type dep struct{ to, proto string }

// Protocols of an edge, as the Link hook gets them.
const (
	protoHTTP = "http"
	protoGRPC = "grpc"
)

// topology is the shop: nine processes in three zones. The two replicas stand in different zones, so that losing one
// zone leaves reads possible.
func topology() []spec {
	return []spec{
		{name: "gateway", role: service.RoleGateway, zone: "a",
			deps: []dep{{"catalog", protoHTTP}, {"cart", protoHTTP}, {"checkout", protoHTTP}, {"orders-db-1", protoHTTP}, {"orders-db-2", protoHTTP}}},
		{name: "catalog", role: service.RoleCatalog, zone: "b",
			deps: []dep{{"inventory", protoHTTP}, {"orders-db-1", protoHTTP}, {"orders-db-2", protoHTTP}}},
		{name: "cart", role: service.RoleCart, zone: "c", deps: []dep{{"catalog", protoHTTP}}},
		{name: "checkout", role: service.RoleCheckout, zone: "a",
			deps: []dep{{"cart", protoHTTP}, {"inventory", protoHTTP}, {"payment", protoGRPC}, {"orders-db", protoHTTP}}},
		{name: "payment", role: service.RolePayment, zone: "b"},
		{name: "inventory", role: service.RoleInventory, zone: "c"},
		{name: "orders-db", role: service.RolePrimary, zone: "a"},
		{name: "orders-db-1", role: service.RoleReplica, zone: "b", deps: []dep{{"orders-db", protoHTTP}}},
		{name: "orders-db-2", role: service.RoleReplica, zone: "c", deps: []dep{{"orders-db", protoHTTP}}},
	}
}
