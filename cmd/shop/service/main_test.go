package service_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/cmd/shop/service"
)

func TestArgumentsThatCannotBeRun(t *testing.T) {
	for _, args := range [][]string{{}, {"baker"}, {"cart", "-nonsense"}, {"cart", "-dep", "catalog"}, {"cart", "extra"}} {
		require.Equal(t, 2, service.Main(context.Background(), args), "%v", args)
	}
	for _, args := range [][]string{
		{"cart"}, // nobody to price by
		{"inventory", "-patterns=brakes"},
		{"inventory", "-listen=256.0.0.1:1"},
		{"payment", "-dir=/nonexistent"},
	} {
		require.Equal(t, 1, service.Main(context.Background(), args), "%v", args)
	}
}

func TestServiceEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, 0, service.Main(ctx, []string{"inventory"}))
}
