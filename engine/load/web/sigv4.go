package web

import (
	"net/http"
	"time"

	"gameday/sources/sigv4"
)

// signer signs requests with the keys of a plan.
type signer struct {
	with *sigv4.Signer
	keys sigv4.Keys
}

func newSigner(c *SigV4) *signer {
	return &signer{with: sigv4.New(c.Service, c.Region), keys: sigv4.Keys{Access: c.AccessKey, Secret: c.SecretKey, Token: c.SessionToken}}
}

func (s *signer) signed(req *http.Request, body []byte, now time.Time) (*http.Request, error) {
	return s.with.Sign(req.Context(), req, body, s.keys, now)
}
