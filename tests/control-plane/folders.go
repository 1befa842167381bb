// The files of one control plane: where they lie, who holds them, and how they go.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

const workPrefix = "imageshare-control-plane-"

// folders names the files of one control plane. What is in work is thrown away at the end.
type folders struct {
	work       string // a temporary folder: etcd's data, keys, and all else unless --dir was given
	log        string // what the parts log
	audit      string // the audit log
	kubeconfig string // the administrator's

	kubeconfigText atomic.Pointer[[]byte] // once it is written
}

// makeFolders makes the folders and holds a lock on them for as long as the process lives. A dir that
// is empty means the work folder.
func makeFolders(dir, kubeconfig string) (*folders, error) {
	work, err := os.MkdirTemp("", workPrefix)
	if err != nil {
		return nil, err
	}
	files := &folders{work: work}
	if err := files.fill(dir, kubeconfig); err != nil {
		os.RemoveAll(work)
		return nil, err
	}
	return files, nil
}

func (f *folders) fill(dir, kubeconfig string) (err error) {
	if !lock(f.work) {
		return fmt.Errorf("cannot lock %s", f.work)
	}
	if dir == "" {
		dir = f.work
	} else {
		if dir, err = filepath.Abs(dir); err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if !lock(dir) {
			return fmt.Errorf("another control plane uses %s", dir)
		}
	}
	f.log = filepath.Join(dir, "control-plane.log")
	f.audit = filepath.Join(dir, "audit.log")
	f.kubeconfig = filepath.Join(dir, "kubeconfig")
	if kubeconfig != "" {
		if f.kubeconfig, err = filepath.Abs(kubeconfig); err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Dir(f.kubeconfig)); err != nil {
			return err
		}
	}
	// What an earlier control plane left in dir would be taken for this one's.
	for _, old := range []string{f.log, f.audit} {
		if err := os.Remove(old); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// remove takes away what is of no use after the end: all but the logs in a folder that the caller
// named, and the log when it is still wanted to find out what went wrong.
func (f *folders) remove(keepLog bool) {
	if f.kubeconfigIsOurs() {
		os.Remove(f.kubeconfig)
	}
	if !keepLog || filepath.Dir(f.log) != f.work {
		removeAll(f.work)
		return
	}
	entries, _ := os.ReadDir(f.work)
	for _, entry := range entries {
		if path := filepath.Join(f.work, entry.Name()); path != f.log {
			removeAll(path)
		}
	}
}

// kubeconfigIsOurs tells whether the file still is what this process wrote there, and not that of
// another control plane that was given the same name.
func (f *folders) kubeconfigIsOurs() bool {
	text := f.kubeconfigText.Load()
	now, err := os.ReadFile(f.kubeconfig)
	return err == nil && text != nil && bytes.Equal(now, *text)
}

// removeAll tries again when something is still being written there.
func removeAll(path string) {
	for try := 0; try < 10 && os.RemoveAll(path) != nil; try++ {
		time.Sleep(50 * time.Millisecond)
	}
}

// removeAbandonedFolders removes the work folders of control planes that were killed.
func removeAbandonedFolders() {
	paths, _ := filepath.Glob(filepath.Join(os.TempDir(), workPrefix+"*"))
	for _, path := range paths {
		info, err := os.Lstat(path)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < time.Minute {
			continue // perhaps just being made
		}
		if lock(path) {
			os.RemoveAll(path)
		}
	}
}

// lock holds the folder until this process ends, and tells whether it could.
func lock(dir string) bool {
	fd, err := syscall.Open(dir, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	if syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		syscall.Close(fd)
		return false
	}
	return true
}
