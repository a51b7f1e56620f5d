package registry

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
)

// guard lets in who has user and password, or a token for the repository.
type guard struct {
	user, password string
	// realm is where tokens are given; without one, user and password are demanded.
	realm string

	mu sync.Mutex
	// issued tokens with their scopes.
	issued map[string]string
}

// protect answers with a challenge to whom it doesn't know.
func (g *guard) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.admits(r) {
			next.ServeHTTP(w, r)
			return
		}
		challenge := `Basic realm="sluice-e2e"`
		if g.realm != "" {
			challenge = `Bearer realm="` + g.realm + `",service="sluice-e2e"`
			if name := repository(r.URL.Path); name != "" {
				challenge += `,scope="repository:` + name + `:pull"`
			}
		}
		w.Header().Set("WWW-Authenticate", challenge)
		writeError(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required", nil)
	})
}

func (g *guard) admits(r *http.Request) bool {
	if g.user == "" && g.realm == "" {
		return true
	}
	if g.user != "" && g.knows(r) {
		return true
	}
	token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found || g.realm == "" {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	scope, known := g.issued[token]
	return known && strings.HasPrefix(scope, "repository:"+repository(r.URL.Path)+":")
}

func (g *guard) knows(r *http.Request) bool {
	user, password, found := r.BasicAuth()
	same := func(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
	return found && same(user, g.user) && same(password, g.password)
}

// tokens gives a token for the scope that is asked for.
func (g *guard) tokens() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.user != "" && !g.knows(r) {
			writeError(w, http.StatusUnauthorized, "UNAUTHORIZED", "incorrect username or password", nil)
			return
		}
		var random [16]byte
		_, _ = rand.Read(random[:])
		token := hex.EncodeToString(random[:])
		g.mu.Lock()
		if g.issued == nil {
			g.issued = map[string]string{}
		}
		g.issued[token] = r.URL.Query().Get("scope")
		g.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"token": token, "expires_in": 300})
	})
}
