package main

import (
	"encoding/xml"
	"flag"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// runS3 serves a store with the buckets that are named, until the process is told to stop.
func runS3(args []string) error {
	flags := flag.NewFlagSet("s3", flag.ExitOnError)
	keys := aws.Credentials{}
	flags.StringVar(&keys.AccessKeyID, "access-key", "", "key id that requests must be signed with")
	flags.StringVar(&keys.SecretAccessKey, "secret-key", "", "key that requests must be signed with")
	flags.StringVar(&keys.SessionToken, "session-token", "", "token that goes with the keys")
	region := flags.String("region", "us-east-1", "region that requests must be signed for")
	listen := listenFlags(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	backend := s3mem.New()
	for _, bucket := range listen.names() {
		if err := backend.CreateBucket(bucket); err != nil {
			return err
		}
	}
	store := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	guarded := store
	if keys.AccessKeyID != "" {
		guarded = signed(store, keys, *region)
	}
	if listen.users != "" {
		guarded = withTokens(guarded, keys, listen.users)
	}
	return listen.serve(guarded, store)
}

type refusal struct {
	XMLName xml.Name `xml:"Error"`
	Code    string
	Message string
	Region  string `xml:",omitempty"`
}

func refuse(w http.ResponseWriter, status int, r refusal) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(r)
}

// signed lets requests through whose signature the vendor's own library makes as well.
func signed(next http.Handler, keys aws.Credentials, region string) http.Handler {
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := r.Header.Get("Authorization")
		at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if err != nil || got == "" {
			refuse(w, http.StatusForbidden, refusal{Code: "AccessDenied", Message: "Access Denied."})
			return
		}
		if !strings.Contains(got, "/"+region+"/s3/aws4_request") {
			refuse(w, http.StatusBadRequest, refusal{Code: "AuthorizationHeaderMalformed", Message: "the region is wrong; expecting '" + region + "'", Region: region})
			return
		}
		again, _ := http.NewRequestWithContext(r.Context(), r.Method, "http://"+r.Host+r.URL.RequestURI(), nil)
		again.URL.RawPath = r.URL.EscapedPath()
		_, names, _ := strings.Cut(got, "SignedHeaders=")
		names, _, _ = strings.Cut(names, ",")
		for _, name := range strings.Split(names, ";") {
			if name != "host" {
				again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
			}
		}
		err = signer.SignHTTP(r.Context(), keys, again, r.Header.Get("X-Amz-Content-Sha256"), "s3", region, at)
		if err != nil || again.Header.Get("Authorization") != got || time.Since(at).Abs() > 15*time.Minute {
			refuse(w, http.StatusForbidden, refusal{Code: "SignatureDoesNotMatch", Message: "The request signature we calculated does not match the signature you provided."})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// withTokens adds a token service for users of a directory: `name:password`.
func withTokens(next http.Handler, keys aws.Credentials, user string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.FormValue("Action") != "AssumeRoleWithLDAPIdentity" {
			next.ServeHTTP(w, r)
			return
		}
		if r.FormValue("LDAPUsername")+":"+r.FormValue("LDAPPassword") != user {
			refuse(w, http.StatusForbidden, refusal{Code: "AccessDenied", Message: "LDAP server error: wrong password"})
			return
		}
		type credentials struct {
			AccessKeyID     string `xml:"AccessKeyId"`
			SecretAccessKey string
			SessionToken    string
		}
		type response struct {
			XMLName xml.Name    `xml:"AssumeRoleWithLDAPIdentityResponse"`
			Result  credentials `xml:"AssumeRoleWithLDAPIdentityResult>Credentials"`
		}
		w.Header().Set("Content-Type", "application/xml")
		_ = xml.NewEncoder(w).Encode(response{Result: credentials{keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken}})
	})
}
