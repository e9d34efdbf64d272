package format_test

import "math/rand/v2"

func rng() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
