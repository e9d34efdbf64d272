package sigv4_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/sigv4"
)

// The first case of Amazon's own suite for implementers, get-vanilla.
func TestSignsLikeAmazonsSuite(t *testing.T) {
	req, err := http.NewRequest(http.MethodGet, "https://example.amazonaws.com/", nil)
	require.NoError(t, err)
	keys := sigv4.Keys{Access: "AKIDEXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	signed, err := sigv4.New("service", "us-east-1").Sign(context.Background(), req, nil, keys, time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC))
	require.NoError(t, err)
	require.Equal(t, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, "+
		"Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31", signed.Header.Get("Authorization"))
	require.Empty(t, req.Header, "the request itself stays as it is")
}
