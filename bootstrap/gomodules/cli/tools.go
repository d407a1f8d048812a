//go:build tools

// Package cli pins what the Pulumi engine is built from; bootstrap/engine_build.py builds it.
package cli

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
