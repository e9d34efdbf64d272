package remote

import (
	"crypto/rsa"

	gossh "golang.org/x/crypto/ssh"
)

// rsaBits is the length of an RSA key; 0 for any other.
func rsaBits(pub gossh.PublicKey) int {
	if c, ok := pub.(gossh.CryptoPublicKey); ok {
		if k, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok {
			return k.N.BitLen()
		}
	}
	return 0
}
