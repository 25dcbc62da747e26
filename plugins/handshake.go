package plugins

import (
	"context"
	"errors"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"latchkey/plugins/proto"
)

// MaxMessage is the longest message in either direction, in bytes.
const MaxMessage = 64 << 10

// protocolVersion is the version of proto/backend.proto.
const protocolVersion = 1

// pluginName is the one name under which go-plugin dispenses a backend.
const pluginName = "backend"

// handshake is what both sides must agree on; the cookie is no secret, it only keeps people from starting a backend by hand.
func handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{
		ProtocolVersion:  protocolVersion,
		MagicCookieKey:   "LATCHKEY_BACKEND",
		MagicCookieValue: "5d1c7c7e-0b1e-4a55-a0d5-3f2f6c1f7b8e",
	}
}

// bridge connects go-plugin with our gRPC service, on either side.
type bridge struct {
	plugin.NetRPCUnsupportedPlugin
	server proto.BackendServer // nil on the daemon's side
}

var _ plugin.GRPCPlugin = (*bridge)(nil)

// GRPCServer registers the backend's service; go-plugin calls it in the backend's process.
func (b *bridge) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	if b.server == nil {
		return errors.New("there is no backend to serve")
	}
	proto.RegisterBackendServer(server, b.server)
	return nil
}

// GRPCClient returns the connection; go-plugin calls it in the daemon's process.
func (b *bridge) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}
