package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gameday/sources/reference"
	"gameday/sources/sanitize"
	"gameday/sources/sigv4"
)

// AWS signs requests. Without keys they come from where Amazon's tools find them: the environment, ~/.aws, the container
// or the machine.
type AWS struct {
	Region       string           `yaml:"region,required" doc:"Such as eu-central-1."`
	Service      string           `yaml:"service" doc:"Default aps, which is Managed Prometheus; es is OpenSearch."`
	AccessKey    reference.Secret `yaml:"accessKey" doc:"The key's ID."`
	SecretKey    reference.Secret `yaml:"secretKey" doc:"The key itself."`
	SessionToken reference.Secret `yaml:"sessionToken" doc:"Of temporary keys."`
	Profile      string           `yaml:"profile" doc:"Of ~/.aws/config."`
	Role         string           `yaml:"role" doc:"ARN of a role that is assumed."`
}

func (w *AWS) validate() error {
	var errs []error
	if w.AccessKey.IsZero() != w.SecretKey.IsZero() {
		errs = append(errs, errors.New("auth.aws: needs accessKey and secretKey, or neither"))
	}
	if !w.AccessKey.IsZero() && w.Profile != "" {
		errs = append(errs, errors.New("auth.aws.profile: contradicts accessKey: give one"))
	}
	return errors.Join(errs...)
}

// awsSigner signs with keys that it looks up when they are first wanted, and anew when they end.
type awsSigner struct {
	cfg  *AWS
	sign *sigv4.Signer
	mu   sync.Mutex
	keys *aws.CredentialsCache // nil until wanted
}

func newAWSSigner(cfg *AWS) *awsSigner {
	service := cfg.Service
	if service == "" {
		service = "aps"
	}
	return &awsSigner{cfg: cfg, sign: sigv4.New(service, cfg.Region)}
}

func (s *awsSigner) authorise(ctx context.Context, req *http.Request, body []byte) (*http.Request, error) {
	if req.URL == nil {
		return nil, errors.New("auth.aws: this request cannot be signed")
	}
	source, err := s.source(ctx)
	if err != nil {
		return nil, fmt.Errorf("auth.aws: %w", plainError(err))
	}
	got, err := source.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("auth.aws: no keys: %w", plainError(err))
	}
	return s.sign.Sign(ctx, req, body, sigv4.Keys{Access: got.AccessKeyID, Secret: got.SecretAccessKey, Token: got.SessionToken}, time.Now())
}

func (s *awsSigner) refused() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys != nil {
		s.keys.Invalidate()
	}
}

func (s *awsSigner) close() {} // its library gives its connections up by itself

// source is where keys come from.
func (s *awsSigner) source(ctx context.Context) (*aws.CredentialsCache, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys != nil {
		return s.keys, nil
	}
	options := []func(*config.LoadOptions) error{config.WithRegion(s.cfg.Region)}
	if s.cfg.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(s.cfg.Profile))
	}
	if !s.cfg.AccessKey.IsZero() {
		options = append(options, config.WithCredentialsProvider(aws.CredentialsProviderFunc(s.given)))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, err
	}
	if s.cfg.Role != "" {
		loaded.Credentials = stscreds.NewAssumeRoleProvider(sts.NewFromConfig(loaded), s.cfg.Role)
	}
	s.keys = aws.NewCredentialsCache(loaded.Credentials, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = early })
	return s.keys, nil
}

// given are the keys of the configuration; they are looked at again every minute, as they may have been replaced.
func (s *awsSigner) given(context.Context) (aws.Credentials, error) {
	out := aws.Credentials{Source: "gameday", CanExpire: true, Expires: time.Now().Add(time.Minute + early)}
	for _, one := range []struct {
		to   *string
		from reference.Secret
		name string
	}{{&out.AccessKeyID, s.cfg.AccessKey, "accessKey"}, {&out.SecretAccessKey, s.cfg.SecretKey, "secretKey"}, {&out.SessionToken, s.cfg.SessionToken, "sessionToken"}} {
		text, err := one.from.Reveal()
		if err != nil {
			return out, fmt.Errorf("%s: %w", one.name, err)
		}
		*one.to = text
	}
	return out, nil
}

// Google gets tokens of Google Cloud.
type Google struct {
	Credentials reference.Secret `yaml:"credentials" doc:"The JSON of a key or of a workload identity, such as ${file:/path/key.json}. Without it, application default credentials are looked for."`
	Scopes      []string         `yaml:"scopes" doc:"Default: https://www.googleapis.com/auth/monitoring.read."`
}

func (g *Google) source() authoriser {
	scopes := g.Scopes
	if len(scopes) == 0 {
		scopes = []string{"https://www.googleapis.com/auth/monitoring.read"}
	}
	via := &http.Client{Transport: newTransport(nil, Config{Timeout: DefaultTimeout}), Timeout: DefaultTimeout}
	return newTokens("auth.google", via, func(ctx context.Context) (token, error) {
		options := credentials.DetectOptions{Scopes: scopes, Client: via}
		// detected anew for each token, which is once an hour: the file may be another by now
		found, err := g.detect(&options)
		if err != nil {
			return token{}, fmt.Errorf("no credentials: %w", plainError(err))
		}
		got, err := found.Token(ctx)
		if err != nil {
			return token{}, fmt.Errorf("no token: %w", plainError(err))
		}
		return token{got.Value, got.Expiry}, nil
	})
}

func (g *Google) detect(options *credentials.DetectOptions) (auth.TokenProvider, error) {
	if g.Credentials.IsZero() {
		return credentials.DetectDefault(options)
	}
	text, err := g.Credentials.Reveal()
	if err != nil {
		return nil, err
	}
	var kind struct{ Type string }
	if err := json.Unmarshal([]byte(text), &kind); err != nil || kind.Type == "" {
		return nil, errors.New("credentials: it is not the JSON of a key, which has a type")
	}
	return credentials.NewCredentialsFromJSON(credentials.CredType(kind.Type), []byte(text), options)
}

// Azure gets tokens of Microsoft Entra ID: by a client's secret when there is one, else by a managed identity when that is
// wanted, else from where Azure's tools find them.
type Azure struct {
	Tenant       string           `yaml:"tenant" doc:"ID of the directory; with clientSecret."`
	ClientID     string           `yaml:"clientID" doc:"Of the application, or of a managed identity that the user assigned."`
	ClientSecret reference.Secret `yaml:"clientSecret"`
	Managed      bool             `yaml:"managedIdentity" doc:"The machine's own identity."`
	Cloud        string           `yaml:"cloud" enum:"public,government,china" doc:"Default public."`
	Scope        string           `yaml:"scope" doc:"Default: https://prometheus.monitor.azure.com/.default, the query endpoint of an Azure Monitor workspace."`

	transport policy.Transporter // of tests
}

var azureClouds = map[string]cloud.Configuration{"": cloud.AzurePublic, "public": cloud.AzurePublic, "government": cloud.AzureGovernment, "china": cloud.AzureChina}

func (z *Azure) validate() error {
	var errs []error
	if !z.ClientSecret.IsZero() && (z.Tenant == "" || z.ClientID == "") {
		errs = append(errs, errors.New("auth.azure.clientSecret: needs tenant and clientID beside it"))
	}
	if !z.ClientSecret.IsZero() && z.Managed {
		errs = append(errs, errors.New("auth.azure.managedIdentity: contradicts clientSecret: give one"))
	}
	if _, ok := azureClouds[z.Cloud]; !ok {
		errs = append(errs, fmt.Errorf("auth.azure.cloud: %q is not one of public, government, china", z.Cloud))
	}
	return errors.Join(errs...)
}

func (z *Azure) source() authoriser {
	scope := z.Scope
	if scope == "" {
		scope = "https://prometheus.monitor.azure.com/.default"
	}
	via := &http.Client{Transport: newTransport(nil, Config{Timeout: DefaultTimeout}), Timeout: DefaultTimeout}
	return newTokens("auth.azure", via, func(ctx context.Context) (token, error) {
		who, err := z.identity(via)
		if err != nil {
			return token{}, plainError(err)
		}
		got, err := who.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
		if err != nil {
			return token{}, fmt.Errorf("no token: %w", entraError(err))
		}
		return token{got.Token, got.ExpiresOn}, nil
	})
}

// entraError finds in the page that the library writes what the server said.
func entraError(err error) error {
	var failed *azidentity.AuthenticationFailedError
	if !errors.As(err, &failed) || failed.RawResponse == nil {
		return plainError(err)
	}
	var says struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	data, _ := io.ReadAll(io.LimitReader(failed.RawResponse.Body, 64<<10)) // what can be read of it will do
	if json.Unmarshal(data, &says) != nil || says.Error == "" {
		return plainError(err)
	}
	return fmt.Errorf("it answered %d: %s: %s", failed.RawResponse.StatusCode, sanitize.Line(says.Error, 80), sanitize.Line(says.Description, 200))
}

func (z *Azure) identity(via policy.Transporter) (azcore.TokenCredential, error) {
	if z.transport != nil {
		via = z.transport
	}
	options := azcore.ClientOptions{Cloud: azureClouds[z.Cloud], Transport: via, Retry: policy.RetryOptions{MaxRetries: 1}}
	switch {
	case !z.ClientSecret.IsZero():
		secret, err := z.ClientSecret.Reveal()
		if err != nil {
			return nil, fmt.Errorf("clientSecret: %w", err)
		}
		return azidentity.NewClientSecretCredential(z.Tenant, z.ClientID, secret, &azidentity.ClientSecretCredentialOptions{ClientOptions: options})
	case z.Managed:
		o := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: options}
		if z.ClientID != "" {
			o.ID = azidentity.ClientID(z.ClientID)
		}
		return azidentity.NewManagedIdentityCredential(o)
	}
	return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: options, TenantID: z.Tenant})
}
