package cluster

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
)

// rarelyCollected trades memory for speed: with heaps as small as theirs are here, collecting garbage is a fifth of what
// the API server does. A limit that its caches come near to would make that worse.
var rarelyCollected = []string{"GOGC=300", "GOMEMLIMIT=4GiB"}

// children are the control plane's processes, all of them this binary under another name.
type children struct {
	files  layout
	exited chan exit
	all    []*exec.Cmd
}

// exit says which program ended, and why.
type exit struct {
	command *exec.Cmd
	err     error
}

func newChildren(files layout) *children {
	// The kernel ends a child when the *thread* that started it ends; the main goroutine keeps its
	// thread for as long as the process lives.
	runtime.LockOSThread()
	return &children{files: files, exited: make(chan exit, 8)}
}

// start runs a program of this binary with its output in a log file; extra become descriptors 3, 4, …
func (c *children) start(name string, args []string, extra ...*os.File) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// One that was started before keeps its part of the log.
	log, err := os.OpenFile(c.files.log(name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(self, append([]string{name}, args...)...)
	command.Stdout, command.Stderr = log, log
	command.Env = append(os.Environ(), rarelyCollected...)
	command.ExtraFiles = extra
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	c.all = append(c.all, command)
	go func() {
		err := command.Wait()
		err = fmt.Errorf("%s ended (%v); the end of %s:\n%s", name, err, c.files.log(name), tail(c.files.log(name)))
		c.exited <- exit{command, err}
	}()
	return nil
}

// end stops a program as a crash would. The death of another meanwhile is an error.
func (c *children) end(name string) error {
	at := slices.IndexFunc(c.all, func(command *exec.Cmd) bool { return command.Args[1] == name })
	if at < 0 {
		return fmt.Errorf("%s was not started", name)
	}
	_ = c.all[at].Process.Kill()
	ended := <-c.exited
	if ended.command != c.all[at] {
		c.exited <- ended
		return ended.err
	}
	c.all = slices.Delete(c.all, at, at+1)
	return nil
}

// kill ends all at once: the data is thrown away, so there is nothing to shut down in order.
func (c *children) kill() {
	for _, command := range c.all {
		_ = command.Process.Kill()
	}
	for range c.all {
		<-c.exited
	}
}

// tail returns the last lines of a log, for the message that says why a program ended.
func tail(path string) []byte {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	if len(lines) > 12 {
		lines = lines[len(lines)-12:]
	}
	return bytes.Join(lines, []byte("\n"))
}
