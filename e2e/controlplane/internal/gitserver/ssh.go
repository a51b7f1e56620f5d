package gitserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
)

// listenSSH serves in the background and returns the server's URL.
func listenSSH(ctx context.Context, o options, journal *journal, failed chan<- error) (string, error) {
	config, err := sshConfig(o)
	if err != nil {
		return "", err
	}
	listener, err := net.Listen("tcp", o.ssh)
	if err != nil {
		return "", err
	}
	go func() {
		<-ctx.Done()
		_ = listener.Close()
	}()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				if ctx.Err() == nil {
					failed <- err
				}
				return
			}
			go serveSSH(conn, config, o.root, journal)
		}
	}()
	return "ssh://git@" + listener.Addr().String(), nil
}

func sshConfig(o options) (*ssh.ServerConfig, error) {
	pem, err := os.ReadFile(o.hostKey)
	if err != nil {
		return nil, fmt.Errorf("--ssh-host-key: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		return nil, fmt.Errorf("--ssh-host-key %s: %w", o.hostKey, err)
	}
	allowed, err := readAuthorizedKeys(o.authorizedKeys)
	if err != nil {
		return nil, err
	}
	config := &ssh.ServerConfig{}
	config.AddHostKey(signer)
	if len(allowed) > 0 {
		config.PublicKeyCallback = func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if allowed[string(key.Marshal())] {
				return nil, nil
			}
			return nil, errors.New("unknown public key")
		}
	}
	if o.sshPass != "" {
		config.PasswordCallback = func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if same(string(password), o.sshPass) {
				return nil, nil
			}
			return nil, errors.New("wrong password")
		}
	}
	if len(allowed) == 0 && o.sshPass == "" {
		return nil, errors.New("--ssh needs --ssh-authorized-keys or --ssh-password")
	}
	return config, nil
}

func readAuthorizedKeys(file string) (map[string]bool, error) {
	allowed := map[string]bool{}
	if file == "" {
		return allowed, nil
	}
	rest, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--ssh-authorized-keys: %w", err)
	}
	for len(bytes.TrimSpace(rest)) > 0 {
		var key ssh.PublicKey
		if key, _, _, rest, err = ssh.ParseAuthorizedKey(rest); err != nil {
			return nil, fmt.Errorf("--ssh-authorized-keys %s: %w", file, err)
		}
		allowed[string(key.Marshal())] = true
	}
	return allowed, nil
}

func serveSSH(conn net.Conn, config *ssh.ServerConfig, root string, journal *journal) {
	defer conn.Close()
	server, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		journal.add(entry{Via: "ssh", Path: "(handshake failed)", Status: 1})
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		if offered.ChannelType() != "session" {
			_ = offered.Reject(ssh.UnknownChannelType, "only sessions are served")
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		go serveSession(channel, requests, server.User(), root, journal)
	}
}

// serveSession runs the one Git program that a session asks for.
func serveSession(channel ssh.Channel, requests <-chan *ssh.Request, user, root string, journal *journal) {
	defer channel.Close()
	protocol := ""
	for request := range requests {
		switch request.Type {
		case "env":
			var variable struct{ Name, Value string }
			known := ssh.Unmarshal(request.Payload, &variable) == nil && variable.Name == "GIT_PROTOCOL"
			if known {
				protocol = variable.Value
			}
			_ = request.Reply(known, nil)
		case "exec":
			var command struct{ Line string }
			if ssh.Unmarshal(request.Payload, &command) != nil {
				_ = request.Reply(false, nil)
				return
			}
			_ = request.Reply(true, nil)
			e := entry{Via: "ssh", Path: command.Line, Protocol: protocol, User: user}
			e.Status = runGit(channel, command.Line, protocol, root, &e)
			journal.add(e)
			_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(e.Status)}))
			return
		default:
			_ = request.Reply(false, nil)
		}
	}
}

// runGit runs `git-upload-pack 'PATH'` or `git-receive-pack 'PATH'` below root and returns its status.
func runGit(channel ssh.Channel, line, protocol, root string, e *entry) int {
	program, argument, _ := strings.Cut(line, " ")
	if program != "git-upload-pack" && program != "git-receive-pack" {
		fmt.Fprintf(channel.Stderr(), "%s: not a program of this server\n", program)
		return 127
	}
	// Cleaning an absolute path cannot lead above root.
	repository := path.Clean("/" + strings.Trim(argument, `'"`))
	e.Service, e.Path, e.Phase = program, repository, "rpc"
	folder := filepath.Join(root, repository)
	if _, err := os.Stat(folder); err != nil {
		fmt.Fprintf(channel.Stderr(), "fatal: '%s' does not appear to be a git repository\n", repository)
		return 128
	}
	git := exec.Command("git", "-c", "safe.directory=*", "-c", "uploadpack.allowAnySHA1InWant=true",
		strings.TrimPrefix(program, "git-"), folder)
	git.Env = append(os.Environ(), "GIT_PROTOCOL="+protocol)
	git.Stdout, git.Stderr = channel, channel.Stderr()
	stdin, err := git.StdinPipe()
	if err != nil {
		return 1
	}
	if err := git.Start(); err != nil {
		return 1
	}
	// Not git.Stdin = channel: Wait would wait for the client to close its side, which it does only
	// after it has seen the exit status.
	go func() {
		defer stdin.Close()
		_, _ = io.Copy(stdin, channel)
	}()
	if err := git.Wait(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode()
		}
		return 1
	}
	return 0
}
