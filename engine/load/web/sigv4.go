package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// signer signs requests: AWS Signature Version 4.
type signer struct {
	config SigV4
	sign   *v4.Signer
}

func newSigner(c *SigV4) *signer {
	return &signer{config: *c, sign: v4.NewSigner(func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = c.Service == "s3" // which takes the path as it is
	})}
}

// signed is the request with its signature. The one that is given stays as it is: it may be sent again.
func (s *signer) signed(req *http.Request, body []byte, now time.Time) (*http.Request, error) {
	out := *req
	out.Header = req.Header.Clone()
	to := *req.URL
	out.URL = &to // signing puts its query in order
	if req.Body == nil || req.Body == http.NoBody {
		body = nil
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if s.config.Service == "s3" {
		out.Header.Set("X-Amz-Content-Sha256", hash)
	}
	keys := aws.Credentials{AccessKeyID: s.config.AccessKey, SecretAccessKey: s.config.SecretKey, SessionToken: s.config.SessionToken}
	err := s.sign.SignHTTP(context.Background(), keys, &out, hash, s.config.Service, s.config.Region, now.UTC())
	return &out, err
}
