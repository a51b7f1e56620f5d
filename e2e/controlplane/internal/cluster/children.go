package cluster

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// children are the control plane's processes, all of them this binary under another name.
type children struct {
	files  layout
	exited chan error
	all    []*exec.Cmd
}

func newChildren(files layout) *children {
	// The kernel ends a child when the *thread* that started it ends; the main goroutine keeps its
	// thread for as long as the process lives.
	runtime.LockOSThread()
	return &children{files: files, exited: make(chan error, 8)}
}

// start runs a program of this binary with its output in a log file; extra become descriptors 3, 4, …
func (c *children) start(name string, args []string, extra ...*os.File) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.Create(c.files.log(name))
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(self, append([]string{name}, args...)...)
	command.Stdout, command.Stderr = log, log
	command.ExtraFiles = extra
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	c.all = append(c.all, command)
	go func() {
		err := command.Wait()
		c.exited <- fmt.Errorf("%s ended (%v); the end of %s:\n%s", name, err, c.files.log(name), tail(c.files.log(name)))
	}()
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
