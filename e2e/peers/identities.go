package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// writeIdentities writes what a NATS server and its users need to know each other by keys: `user.creds` with `creds.conf`,
// where an operator vouches for an account and it for its users, and `user.nk` with `nkey.conf`, which names the key.
func writeIdentities(args []string) error {
	flags := flag.NewFlagSet("identities", flag.ExitOnError)
	folder := flags.String("dir", ".", "where to write the files")
	if err := flags.Parse(args); err != nil {
		return err
	}
	operator, operatorKey, err := key(nkeys.CreateOperator)
	if err != nil {
		return err
	}
	account, accountKey, err := key(nkeys.CreateAccount)
	if err != nil {
		return err
	}
	user, userKey, err := key(nkeys.CreateUser)
	if err != nil {
		return err
	}
	operatorJWT, err := jwt.NewOperatorClaims(operatorKey).Encode(operator)
	if err != nil {
		return err
	}
	accountJWT, err := jwt.NewAccountClaims(accountKey).Encode(operator)
	if err != nil {
		return err
	}
	userJWT, err := jwt.NewUserClaims(userKey).Encode(account)
	if err != nil {
		return err
	}
	seed, err := user.Seed()
	if err != nil {
		return err
	}
	credentials, err := jwt.FormatUserConfig(userJWT, seed)
	if err != nil {
		return err
	}
	trusting := fmt.Sprintf("operator: %s\nresolver: MEMORY\nresolver_preload: { %s: %s }\n", operatorJWT, accountKey, accountJWT)
	return write(*folder, map[string][]byte{
		"user.creds": credentials,
		"creds.conf": []byte(trusting),
		"user.nk":    seed,
		"nkey.conf":  fmt.Appendf(nil, "authorization: { users: [ { nkey: %s } ] }\n", userKey),
	})
}

func key(create func() (nkeys.KeyPair, error)) (nkeys.KeyPair, string, error) {
	pair, err := create()
	if err != nil {
		return nil, "", err
	}
	public, err := pair.PublicKey()
	return pair, public, err
}

func write(folder string, files map[string][]byte) error {
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
