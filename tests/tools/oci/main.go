// oci makes the operator's image without a container engine, and shows what is in one.
//
//	oci build LAYOUT VERSION REVISION CA ARCH=BINARY...   an OCI layout with an image for each architecture
//	oci unpack LAYOUT ARCH FOLDER                         the root file system, as a container has it
//	oci config LAYOUT ARCH                                the image's configuration, as JSON
//	oci sizes LAYOUT                                      ARCH BYTES, compressed, one a line
//	oci push LAYOUT REFERENCE...                          to a registry, with the logins of ~/.docker; prints the digest
//	oci registry                                          an empty registry on loopback, for tests; prints READY HOST:PORT
//
// SOURCE_DATE_EPOCH is the time that the image bears: the same files give the same bytes.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// As in deploy/Dockerfile; a test compares.
const (
	user       = "65532:65532"
	entrypoint = "/usr/local/bin/imageshare"
	caBundle   = "/etc/ssl/certs/ca-certificates.crt"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("oci: ")
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("what to do: build, unpack, config, sizes, push or registry")
	}
	command, args := args[0], args[1:]
	switch {
	case command == "build" && len(args) >= 5:
		return build(args[0], args[1], args[2], args[3], args[4:])
	case command == "unpack" && len(args) == 3:
		return unpack(args[0], args[1], args[2])
	case command == "config" && len(args) == 2:
		return config(args[0], args[1])
	case command == "sizes" && len(args) == 1:
		return sizes(args[0])
	case command == "push" && len(args) >= 2:
		return push(args[0], args[1:])
	case command == "registry" && len(args) == 0:
		return serve()
	}
	return fmt.Errorf("%s: no such command, or not its arguments", command)
}

type file struct {
	path    string
	mode    int64
	content []byte
}

// layer is a tar of these files, with the folders that they need.
func layer(at time.Time, files ...file) (v1.Layer, error) {
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	made := map[string]bool{}
	for _, file := range files {
		parts := strings.Split(strings.Trim(file.path, "/"), "/")
		for depth := 1; depth < len(parts); depth++ {
			folder := strings.Join(parts[:depth], "/") + "/"
			if made[folder] {
				continue
			}
			made[folder] = true
			header := tar.Header{Typeflag: tar.TypeDir, Name: folder, Mode: 0o755, ModTime: at, Format: tar.FormatPAX}
			if err := writer.WriteHeader(&header); err != nil {
				return nil, err
			}
		}
		header := tar.Header{
			Typeflag: tar.TypeReg, Name: strings.Trim(file.path, "/"), Mode: file.mode, ModTime: at,
			Size: int64(len(file.content)), Format: tar.FormatPAX,
		}
		if err := writer.WriteHeader(&header); err != nil {
			return nil, err
		}
		if _, err := writer.Write(file.content); err != nil {
			return nil, err
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	opener := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buffer.Bytes())), nil }
	return tarball.LayerFromOpener(opener, tarball.WithCompressionLevel(gzip.BestCompression), tarball.WithMediaType(types.OCILayer))
}

func build(folder, version, revision, ca string, binaries []string) error {
	epoch, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	at := time.Unix(epoch, 0).UTC()
	bundle, err := os.ReadFile(ca)
	if err != nil {
		return err
	}
	base, err := layer(at, file{caBundle, 0o644, bundle})
	if err != nil {
		return err
	}
	labels := map[string]string{
		"org.opencontainers.image.title":       "imageshare-operator",
		"org.opencontainers.image.description": "Shares private SWR image repositories with other accounts, as Kubernetes objects",
		"org.opencontainers.image.version":     version,
		"org.opencontainers.image.revision":    revision,
		"org.opencontainers.image.created":     at.Format(time.RFC3339),
	}
	if source := os.Getenv("IMAGE_SOURCE"); source != "" {
		labels["org.opencontainers.image.source"] = source
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, pair := range binaries {
		arch, path, found := strings.Cut(pair, "=")
		if !found {
			return fmt.Errorf("%s: not ARCH=BINARY", pair)
		}
		binary, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		top, err := layer(at, file{entrypoint, 0o755, binary})
		if err != nil {
			return err
		}
		image := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
		image = mutate.ConfigMediaType(image, types.OCIConfigJSON)
		image, err = mutate.Append(image,
			mutate.Addendum{Layer: base, History: v1.History{Created: v1.Time{Time: at}, CreatedBy: "CA certificates"}},
			mutate.Addendum{Layer: top, History: v1.History{Created: v1.Time{Time: at}, CreatedBy: "imageshare"}},
		)
		if err != nil {
			return err
		}
		configuration, err := image.ConfigFile()
		if err != nil {
			return err
		}
		configuration = configuration.DeepCopy()
		configuration.OS, configuration.Architecture = "linux", arch
		configuration.Created = v1.Time{Time: at}
		configuration.Config = v1.Config{
			User: user, Entrypoint: []string{entrypoint}, Cmd: []string{"run"}, WorkingDir: "/",
			Env: []string{"PATH=" + filepath.Dir(entrypoint)}, Labels: labels,
		}
		if image, err = mutate.ConfigFile(image, configuration); err != nil {
			return err
		}
		image = mutate.Annotations(image, labels).(v1.Image)
		platform := v1.Platform{OS: "linux", Architecture: arch}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &platform}})
	}
	index = mutate.Annotations(index, labels).(v1.ImageIndex)
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	_, err = layout.Write(folder, mutate.AppendManifests(
		mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{Add: index},
	))
	return err
}

// images is the index that build has written: the only entry of the layout's own.
func images(folder string) (v1.ImageIndex, *v1.IndexManifest, error) {
	outer, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		return nil, nil, err
	}
	manifest, err := outer.IndexManifest()
	if err != nil {
		return nil, nil, err
	}
	if len(manifest.Manifests) != 1 {
		return nil, nil, fmt.Errorf("%s: %d entries and not one", folder, len(manifest.Manifests))
	}
	inner, err := outer.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		return nil, nil, err
	}
	manifest, err = inner.IndexManifest()
	return inner, manifest, err
}

func image(folder, arch string) (v1.Image, error) {
	index, manifest, err := images(folder)
	if err != nil {
		return nil, err
	}
	for _, entry := range manifest.Manifests {
		if entry.Platform.Architecture == arch {
			return index.Image(entry.Digest)
		}
	}
	return nil, fmt.Errorf("%s: no image for %s", folder, arch)
}

func config(folder, arch string) error {
	image, err := image(folder, arch)
	if err != nil {
		return err
	}
	configuration, err := image.RawConfigFile()
	if err != nil {
		return err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, configuration, "", "  "); err != nil {
		return err
	}
	fmt.Println(indented.String())
	return nil
}

func sizes(folder string) error {
	index, manifest, err := images(folder)
	if err != nil {
		return err
	}
	for _, entry := range manifest.Manifests {
		image, err := index.Image(entry.Digest)
		if err != nil {
			return err
		}
		parts, err := image.Manifest()
		if err != nil {
			return err
		}
		total := parts.Config.Size + entry.Size
		for _, layer := range parts.Layers {
			total += layer.Size
		}
		fmt.Println(entry.Platform.Architecture, total)
	}
	return nil
}

func unpack(folder, arch, to string) error {
	image, err := image(folder, arch)
	if err != nil {
		return err
	}
	content := mutate.Extract(image)
	defer content.Close()
	reader := tar.NewReader(content)
	root, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer root.Close()
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		path := strings.Trim(header.Name, "/")
		switch header.Typeflag {
		case tar.TypeDir:
			err = root.Mkdir(path, header.FileInfo().Mode().Perm())
			if errors.Is(err, os.ErrExist) {
				err = nil
			}
		case tar.TypeReg:
			var file *os.File
			if file, err = root.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, header.FileInfo().Mode().Perm()); err == nil {
				_, err = io.Copy(file, reader)
				err = errors.Join(err, file.Close())
			}
		default:
			err = fmt.Errorf("%s: neither a file nor a folder", path)
		}
		if err != nil {
			return err
		}
	}
}

func push(folder string, references []string) error {
	index, _, err := images(folder)
	if err != nil {
		return err
	}
	for _, text := range references {
		reference, err := name.ParseReference(text)
		if err != nil {
			return err
		}
		if err := remote.WriteIndex(reference, index, remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
			return err
		}
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	fmt.Println(digest)
	return nil
}

func serve() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("READY", listener.Addr())
	// Ends with the test that started it: that holds the other end of standard input.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return http.Serve(listener, registry.New(registry.Logger(log.New(io.Discard, "", 0))))
}
