//go:build tools

// Package language pins the newest Python language host that can be had as a Go module.
package language

import _ "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python"
