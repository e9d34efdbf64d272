// Package sigv4 signs requests as Amazon's services want them: AWS Signature Version 4.
package sigv4

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Keys are what requests are signed with. Token belongs to temporary keys and is "" otherwise.
type Keys struct{ Access, Secret, Token string }

// Signer signs requests to one service, such as aps (Managed Prometheus) or s3, in one region. It may be used from any
// goroutine.
type Signer struct {
	service, region string
	sign            *v4.Signer
}

// New makes a signer.
func New(service, region string) *Signer {
	return &Signer{service: service, region: region, sign: v4.NewSigner(func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = service == "s3" // which takes the path as it is
	})}
}

// Sign is the request with its signature, over the headers it has. The one that is given stays as it is: it may be sent
// again. body is what it will send; nil for none.
func (s *Signer) Sign(ctx context.Context, req *http.Request, body []byte, keys Keys, now time.Time) (*http.Request, error) {
	out := *req
	out.Header = req.Header.Clone()
	to := *req.URL
	out.URL = &to // signing puts its query in order
	if req.Body == nil || req.Body == http.NoBody {
		body = nil
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if s.service == "s3" {
		out.Header.Set("X-Amz-Content-Sha256", hash)
	}
	err := s.sign.SignHTTP(ctx, aws.Credentials{AccessKeyID: keys.Access, SecretAccessKey: keys.Secret, SessionToken: keys.Token},
		&out, hash, s.service, s.region, now.UTC())
	return &out, err
}
