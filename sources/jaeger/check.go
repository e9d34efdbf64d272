package jaeger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"gameday/sources/driver"
	"gameday/sources/examine"
)

// Check says whether Jaeger is there and lets gameday read, how its clock is, and whether it has traces.
func (d *Driver) Check(ctx context.Context) []driver.Finding {
	var found []driver.Finding
	ok := false
	switch {
	case d.http != nil: // its answers carry the time
		found, ok = examine.HTTP(ctx, d.http.client, servicesRequest())
		if d.grpc != nil {
			found = append(found, d.checkFallback(ctx))
		}
	default:
		found, ok = d.checkGRPC(ctx)
	}
	if !ok {
		return found
	}
	names, err := d.serviceNames(ctx)
	f := driver.Finding{Name: "services", State: driver.FindingGood, Says: fmt.Sprintf("traces of %d services: %s", len(names), some(names))}
	switch {
	case err != nil:
		f = driver.Finding{Name: "services", State: driver.FindingUnknown, Says: err.Error()}
	case len(names) == 0:
		f = driver.Finding{Name: "services", State: driver.FindingPoor, Says: "it has no traces of any service yet",
			Advice: "point the exporters of the services at Jaeger's OTLP port, 4317"}
	}
	return append(found, f)
}

func some(names []string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// checkFallback says which way is gone.
func (d *Driver) checkFallback(ctx context.Context) driver.Finding {
	if _, err := d.grpc.services(ctx); err != nil {
		return driver.Finding{Name: "gRPC", State: driver.FindingPoor, Says: err.Error() + "; HTTP is used instead",
			Advice: "open the query service's gRPC port, " + usualGRPC + ", or leave it: HTTP tells the same, slower"}
	}
	return driver.Finding{Name: "gRPC", State: driver.FindingGood, Says: d.grpc.address + " answers"}
}

func (d *Driver) checkGRPC(ctx context.Context) ([]driver.Finding, bool) {
	began := time.Now()
	_, err := d.grpc.services(ctx)
	reachable := driver.Finding{Name: examine.Reachable, State: driver.FindingGood,
		Says: fmt.Sprintf("%s answers within %s", d.grpc.address, time.Since(began).Round(100*time.Microsecond))}
	authorised := driver.Finding{Name: examine.Authorised, State: driver.FindingGood, Says: "it lets gameday read"}
	clock := driver.Finding{Name: examine.Clock, State: driver.FindingUnknown, Says: "its gRPC answers do not carry the time"}
	switch code := status.Code(err); {
	case err == nil:
	case code == codes.Unauthenticated || code == codes.PermissionDenied:
		authorised = driver.Finding{Name: examine.Authorised, State: driver.FindingBad, Says: err.Error(),
			Advice: "give credentials in auth that may read, and the tenant if it has tenants"}
	default:
		reachable = driver.Finding{Name: examine.Reachable, State: driver.FindingBad, Says: err.Error(), Advice: "start it, or correct address and tls"}
		authorised = driver.Finding{Name: examine.Authorised, State: driver.FindingUnknown, Says: "it could not be asked"}
	}
	return []driver.Finding{reachable, authorised, clock}, err == nil
}
