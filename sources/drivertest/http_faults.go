package drivertest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/reference"
)

func clientConfig() client.Config {
	return client.Config{Auth: client.Auth{Bearer: reference.NewSecret(secretText)}, Timeout: patience}
}

// hangs answers nothing until the request is given up, and tells that.
func hangs(f *front, gone chan<- struct{}) fault {
	return func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body) // a server sees that its client left only when the body was read
		select {
		case <-r.Context().Done():
			select {
			case gone <- struct{}{}:
			default:
			}
		case <-f.release:
		}
	}
}

func givesUp(t *testing.T, s *suite) {
	gone := make(chan struct{}, 1)
	f := s.front(t, nil)
	f.set(hangs(f, gone))
	d := s.open(t, f.URL, clientConfig())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := s.h.Ask(ctx, d, driver.Query{Window: s.window, Text: s.h.Text, Limit: 100})
		done <- err
	}()
	time.AfterFunc(50*time.Millisecond, cancel)
	select {
	case err := <-done:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(patience):
		require.FailNow(t, "the query did not end when it was cancelled")
	}
	select {
	case <-gone:
	case <-time.After(patience):
		require.FailNow(t, "the system did not hear that its answer is not wanted any more")
	}
}

func timesOut(t *testing.T, s *suite) {
	f := s.front(t, nil)
	f.set(hangs(f, make(chan struct{}, 1)))
	cfg := clientConfig()
	cfg.Timeout = 200 * time.Millisecond
	_, err := s.ask(t, s.open(t, f.URL, cfg))
	require.ErrorContains(t, err, "no whole answer within 200ms (timeout)")
	require.ErrorContains(t, err, f.URL)
}

func refusals(t *testing.T, s *suite) {
	for status, want := range map[int]string{401: "auth", 403: "auth, tenant", 429: "rateLimit", 500: "failed by itself", 503: "cannot answer now"} {
		f := s.front(t, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, Hostile+" you sent "+r.Header.Get("Authorization"))
		})
		a, err := s.ask(t, s.open(t, f.URL, clientConfig()))
		var refused *client.StatusError
		require.ErrorAs(t, err, &refused, "%d", status)
		require.Equal(t, status, refused.Code)
		require.Equal(t, 3*time.Second, refused.RetryAfter)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, f.URL)
		require.Zero(t, a.Len())
	}
}

func slowAnswers(t *testing.T, s *suite) {
	f := s.front(t, func(w http.ResponseWriter, r *http.Request, system http.Handler) {
		good := recorded(r, system)
		copyHeader(w.Header(), good.Header())
		w.WriteHeader(good.Code)
		out := http.NewResponseController(w)
		data := good.Body.Bytes()
		for piece := range 20 { // in twenty pieces, torn apart anywhere
			from, to := len(data)*piece/20, len(data)*(piece+1)/20
			if _, err := w.Write(data[from:to]); err != nil {
				return
			}
			_ = out.Flush() // the client may have gone
			time.Sleep(time.Millisecond)
		}
	})
	a := s.goes(t, s.open(t, f.URL, clientConfig()), s.known.Len())
	require.Equal(t, names(s.known), names(a.Batch))
}

func cutOffAnswers(t *testing.T, s *suite) {
	for _, share := range []int{0, 1, 50, 99} {
		f := s.front(t, func(w http.ResponseWriter, r *http.Request, system http.Handler) {
			good := recorded(r, system)
			copyHeader(w.Header(), good.Header())
			w.Header().Set("Content-Length", strconv.Itoa(good.Body.Len()))
			w.WriteHeader(good.Code)
			_, _ = w.Write(good.Body.Bytes()[:good.Body.Len()*share/100]) // what arrives is cut off below anyway
			panic(http.ErrAbortHandler)
		})
		a, err := s.ask(t, s.open(t, f.URL, clientConfig()))
		require.True(t, err != nil || a.Truncated, "after %d%%: half an answer is no answer", share)
		if err != nil {
			require.ErrorContains(t, err, f.URL)
		}
	}
}

// grown runs f and returns by how much the heap grew at most meanwhile.
func grown(f func()) uint64 {
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	stop, done := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		for {
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
			select {
			case <-stop:
				done <- most
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	f()
	close(stop)
	return max(<-done, before.HeapAlloc) - before.HeapAlloc
}

// maxGrowth is by how much memory may grow, whatever comes.
const maxGrowth = 32 << 20

func immenseAnswers(t *testing.T, s *suite) {
	cfg := clientConfig()
	cfg.MaxBytes = 8 << 20
	contentType := s.h.Huge.ContentType
	if contentType == "" {
		contentType = "application/json"
	}
	for _, one := range []struct {
		name, encoding string
		text           int // bytes of the one text of an item
	}{
		{"many items", "", 100}, {"one text", "", 1 << 30}, {"many items in gzip", "gzip", 100}, {"one text in zstd", "zstd", 1 << 30},
	} {
		var packed bytes.Buffer // 10 MiB, so that packing is not measured
		if one.encoding != "" {
			var z io.WriteCloser = gzip.NewWriter(&packed)
			if one.encoding == "zstd" {
				enc, err := zstd.NewWriter(&packed, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
				require.NoError(t, err)
				z = enc
			}
			require.NoError(t, s.h.Huge.write(z, 10<<20, min(one.text, 10<<20)))
			require.NoError(t, z.Close())
		}
		f := s.front(t, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Type", contentType)
			if one.encoding != "" {
				w.Header().Set("Content-Encoding", one.encoding)
				_, _ = w.Write(packed.Bytes()) // the client leaves before its end
				return
			}
			_ = s.h.Huge.write(w, 1<<30, one.text) // as above
		})
		d := s.open(t, f.URL, cfg)
		var a driver.Answer
		var err error
		more := grown(func() { a, err = s.ask(t, d) })
		require.True(t, err != nil || a.Truncated, "%s: it cannot have been read whole", one.name)
		if err != nil {
			require.ErrorContains(t, err, f.URL, one.name)
		}
		t.Logf("%s: memory grew by %.1f MiB; %d signals; %v", one.name, float64(more)/(1<<20), a.Len(), err)
		require.Less(t, more, uint64(maxGrowth), "%s: memory grew by %d MiB", one.name, more>>20)
		f.set(nil)
		s.goes(t, d, s.known.Len()) // and it works on
	}
}

// otherAnswers are good answers of something else at that address. None may be taken for signals, nor end in a panic.
func otherAnswers(t *testing.T, s *suite) {
	for _, text := range []string{"<!DOCTYPE html><title>Sign in</title>", "", "null", "[]", "{}", "0", `"text"`, "[[[[", `{"data":null}`, `{"data":{"result":7}}`, `{"data":[null]}`, `[{}]`, "\x00\xff\xfe"} {
		f := s.front(t, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { _, _ = io.WriteString(w, text) })
		a, err := s.ask(t, s.open(t, f.URL, clientConfig()))
		require.Zero(t, a.Len(), "%q gave signals", text)
		if text == "" || text[0] == '<' || text[0] == 0 {
			require.Error(t, err, "%q", text)
		}
		if err != nil && !errors.Is(err, driver.ErrNotFound) {
			require.ErrorContains(t, err, f.URL, "%q", text)
		}
	}
}
