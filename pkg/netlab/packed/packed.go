// SPDX-License-Identifier: Apache-2.0

// Package packed reads the packages of opkg, apk and dpkg, for tests: without these
// programs, which no machine has all of.
//
//	p, err := packed.Open("dist/mptcpctl_0.2.0-r1_mipsel_24kc.ipk")
//	text := p.Control["control"].Data
//	err = p.Install("/tmp/root")
package packed

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A File is one entry of a package.
type File struct {
	Mode    os.FileMode // with its type
	Link    string      // where a link leads
	Owner   string
	ModTime time.Time
	Data    []byte
}

// A Package is what is in it.
type Package struct {
	// Control are its descriptions and scripts, without the dot that they begin with
	// in an apk.
	Control map[string]File
	// Data are the files that are installed, by their absolute paths, and directories.
	Data map[string]File
}

// Open reads a package. Its format is that of the name's end.
func Open(name string) (*Package, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	p := &Package{Control: map[string]File{}, Data: map[string]File{}}
	switch filepath.Ext(name) {
	case ".ipk":
		err = p.readIPK(data)
	case ".apk":
		err = p.readAPK(data)
	case ".deb":
		err = p.readDeb(data)
	default:
		err = errors.New("no package by its name")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// readIPK reads a gzipped archive of two others.
func (p *Package) readIPK(data []byte) error {
	return readArchive(data, func(name string, f File) error { return p.readPart(name, f.Data) })
}

// readAPK reads the format of before apk-tools 3: archives one behind the other, of
// which only the last has an end, so that all are one. Control files begin with a dot.
func (p *Package) readAPK(data []byte) error {
	return readArchive(data, func(name string, f File) error {
		if control, is := strings.CutPrefix(name, "/."); is {
			p.Control[control] = f
		} else {
			p.Data[name] = f
		}
		return nil
	})
}

// readDeb reads an archive of ar: lines of 60 bytes, each before a file (ar(5)).
func (p *Package) readDeb(data []byte) error {
	const magic, header = "!<arch>\n", 60
	rest, ok := bytes.CutPrefix(data, []byte(magic))
	if !ok {
		return errors.New("no archive of ar")
	}
	for len(rest) >= header {
		name := strings.TrimRight(string(rest[:16]), " /")
		size, err := strconv.Atoi(strings.TrimSpace(string(rest[48:58])))
		if err != nil || size < 0 || len(rest) < header+size {
			return fmt.Errorf("%s: a bad size", name)
		}
		if err := p.readPart("/"+name, rest[header:header+size]); err != nil {
			return err
		}
		rest = rest[min(header+size+size%2, len(rest)):]
	}
	return nil
}

// readPart reads one of the archives in an ipk or deb.
func (p *Package) readPart(name string, data []byte) error {
	switch name {
	case "/debian-binary":
		return nil
	case "/control.tar.gz":
		return readArchive(data, func(name string, f File) error {
			p.Control[strings.TrimPrefix(name, "/")] = f
			return nil
		})
	case "/data.tar.gz":
		return readArchive(data, func(name string, f File) error {
			p.Data[name] = f
			return nil
		})
	}
	return fmt.Errorf("an unknown part %s", name)
}

// Install lays the files out below root, as they would be on a machine.
func (p *Package) Install(root string) error {
	for name, f := range p.Data {
		to := filepath.Join(root, name)
		err := os.MkdirAll(filepath.Dir(to), 0o755)
		switch f.Mode.Type() {
		case os.ModeDir:
			err = errors.Join(err, os.MkdirAll(to, 0o755))
		case os.ModeSymlink:
			err = errors.Join(err, os.Symlink(f.Link, to))
		case 0:
			err = errors.Join(err, os.WriteFile(to, f.Data, f.Mode.Perm()))
		default:
			err = errors.Join(err, fmt.Errorf("%s: %s", name, f.Mode))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func readArchive(data []byte, each func(name string, f File) error) error {
	unzipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return err
	}
	for archive := tar.NewReader(unzipped); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			return err
		}
		f := File{Mode: h.FileInfo().Mode(), Link: h.Linkname, Owner: h.Uname, ModTime: h.ModTime, Data: data}
		if err := each(path.Join("/", h.Name), f); err != nil {
			return err
		}
	}
}
