package probe

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxBody      = 64 << 10 // of an answer; what is longer is cut
	maxRedirects = 5
)

func (p *Probe) httpMeasurer(h HTTP) (func(context.Context) Reading, error) {
	extract, err := h.extractor()
	if err != nil {
		return nil, err
	}
	method := h.Method
	if method == "" {
		method = http.MethodGet
	}
	client := &http.Client{
		// A connection of its own for each reading: whether one can be made is part of the question. No proxy either.
		Transport:     &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{}).DialContext},
		CheckRedirect: sameHost,
	}
	return func(ctx context.Context) Reading {
		req, err := http.NewRequestWithContext(ctx, method, h.URL, strings.NewReader(h.Body))
		if err != nil {
			return faulty(err)
		}
		req.Header.Set("User-Agent", "gameday-probe")
		for k, v := range h.Headers {
			req.Header.Set(k, v)
			if strings.EqualFold(k, "Host") {
				req.Host = v
			}
		}
		start := time.Now()
		resp, err := client.Do(req)
		if err != nil {
			return p.failure(ctx, err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
		if err != nil {
			return p.failure(ctx, err)
		}
		return p.answered(h, resp.StatusCode, string(body), time.Since(start), extract)
	}, nil
}

// answered is the reading of an answer.
func (p *Probe) answered(h HTTP, status int, body string, took time.Duration, extract func(string) (string, error)) Reading {
	s := Reading{Value: float64(status), Raw: strconv.Itoa(status), Known: true}
	if !h.Status.IsZero() && !h.Status.meets(s) {
		return down(fmt.Errorf("status %d, expected %s", status, h.Status))
	}
	if !h.Answer.IsZero() && !h.Answer.meets(text(body)) {
		return down(wrongAnswer{got: body, want: h.Answer})
	}
	switch h.measured() {
	case "latency":
		return p.number(took.Seconds(), noTrace)
	case "size":
		return p.number(float64(len(body)), noTrace)
	case "body":
		return text(strings.TrimRight(body, "\r\n"))
	case "extract":
		return p.taken(body, extract, false)
	}
	r := p.number(s.Value, noTrace)
	r.Raw, r.Text = s.Raw, s.Raw
	return r
}

// sameHost follows redirects within the host only; elsewhere the redirect itself is the answer.
func sameHost(req *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects || req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}
