package load

import (
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strings"

	"gameday/engine/load/feed"
	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
)

// boundary parts the fields of a form. It is the same in every request, so that forms can be prepared; a field that holds
// it could not be told from the form's end, which sixty-two random bits make as good as impossible.
const boundary = "gameday-form-5f0c6a9b71d24e38"

// body is a step's body, in the notation of templates.
func (c *compiler) body(s *Step, req *protocol.Request) (string, error) {
	switch {
	case s.BodyFile != "":
		data, err := c.file(s.BodyFile)
		if err != nil {
			return "", fmt.Errorf("bodyFile: %w", err)
		}
		return data, nil
	case len(s.Multipart) > 0:
		if !hasHeader(req.Headers, "Content-Type") {
			req.Headers = append(req.Headers, protocol.Header{Name: "Content-Type", Value: "multipart/form-data; boundary=" + boundary})
		}
		return c.form(s.Multipart)
	}
	body, err := template.Expand(s.Body, c.lookup)
	if err != nil {
		return "", fmt.Errorf("body: %w", err)
	}
	return body, nil
}

func hasHeader(list []protocol.Header, name string) bool {
	for _, h := range list {
		if textproto.CanonicalMIMEHeaderKey(h.Name) == name {
			return true
		}
	}
	return false
}

// file reads a file whose bytes are sent as they are.
func (c *compiler) file(name string) (string, error) {
	name, err := template.Expand(name, c.lookup)
	if err != nil {
		return "", err
	}
	f, err := feed.OpenFile(c.plan.beside(name))
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	return template.Literal(string(data)), nil
}

// form is a body in the form of RFC 7578.
func (c *compiler) form(parts []Part) (string, error) {
	var b strings.Builder
	quote := strings.NewReplacer("\"", "%22", "\r", "%0D", "\n", "%0A").Replace
	for i, p := range parts {
		value, err := template.Expand(p.Value, c.lookup)
		if err != nil {
			return "", fmt.Errorf("multipart[%d]: %w", i, err)
		}
		head := fmt.Sprintf("Content-Disposition: form-data; name=%q", quote(p.Name))
		kind := p.Type
		if p.File != "" {
			if value, err = c.file(p.File); err != nil {
				return "", fmt.Errorf("multipart[%d]: %w", i, err)
			}
			name := p.File[strings.LastIndexByte(p.File, '/')+1:]
			head += fmt.Sprintf("; filename=%q", quote(name))
			if kind == "" {
				kind = "application/octet-stream"
			}
		}
		fmt.Fprintf(&b, "--%s\r\n%s\r\n", boundary, head)
		if kind != "" {
			fmt.Fprintf(&b, "Content-Type: %s\r\n", kind)
		}
		b.WriteString("\r\n" + value + "\r\n")
	}
	b.WriteString("--" + boundary + "--\r\n")
	return b.String(), nil
}
