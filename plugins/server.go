package plugins

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"latchkey/plugins/proto"
	"latchkey/plugins/secret"
)

// The bounds of a request, as the daemon keeps them; they are looked at again here, before a name reaches a C library.
const (
	maxName     = 256
	maxPassword = 1024
)

// server is the backend's side: it takes calls and puts them to the Backend.
type server struct {
	proto.UnimplementedBackendServer
	factory Factory
	log     *slog.Logger

	mu      sync.RWMutex
	backend Backend // nil until Configure has succeeded
}

func newServer(factory Factory, log *slog.Logger) *server { return &server{factory: factory, log: log} }

// close releases the backend.
func (s *server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if closer, ok := s.backend.(Closer); ok {
		if err := closer.Close(); err != nil {
			s.log.Warn("the backend did not close", "error", err)
		}
	}
	s.backend = nil
}

// recovered makes an error of a panic and logs where it was; the panic's value is not logged, since it may hold input.
func (s *server) recovered(err *error) {
	if trouble := recover(); trouble != nil {
		s.log.Error("the backend panicked", "stack", string(debug.Stack()))
		*err = status.Error(codes.Internal, "the backend panicked; its log has the stack")
	}
}

// Configure makes the backend.
func (s *server) Configure(ctx context.Context, r *proto.ConfigureRequest) (answer *proto.ConfigureResponse, err error) {
	defer s.recovered(&err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.backend != nil {
		return nil, status.Error(codes.FailedPrecondition, "the backend is configured already")
	}
	// The backend lives longer than this call, so its context must not end with it.
	backend, err := s.factory(context.WithoutCancel(ctx), NewSettings(secret.New(r.GetSettings())), s.log)
	if wrong, ok := errors.AsType[*SettingsError](err); ok {
		answer = &proto.ConfigureResponse{}
		for _, fault := range wrong.Faults {
			answer.Faults = append(answer.Faults, &proto.SettingFault{Key: fault.Key, Message: fault.Message})
		}
		return answer, nil
	}
	if err != nil {
		return nil, status.Error(codes.FailedPrecondition, err.Error())
	}
	s.backend = backend
	answer = &proto.ConfigureResponse{}
	if waiter, ok := backend.(Waiter); ok {
		answer.Parallel = uint32(min(max(waiter.Parallel(), 1), MaxParallel))
	}
	return answer, nil
}

// ready returns the backend once it is configured.
func (s *server) ready() (Backend, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.backend == nil {
		return nil, status.Error(codes.FailedPrecondition, "the backend is not configured")
	}
	return s.backend, nil
}

// Authenticate asks the backend.
func (s *server) Authenticate(ctx context.Context, r *proto.AuthenticateRequest) (answer *proto.AuthenticateResponse, err error) {
	defer s.recovered(&err)
	backend, err := s.ready()
	if err != nil {
		return nil, err
	}
	request := Request{Name: r.GetName(), Password: secret.New(string(r.GetPassword())), Trace: r.GetTrace()}
	if err := request.check(); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	result, err := backend.Authenticate(ctx, request)
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return &proto.AuthenticateResponse{
		Outcome: proto.Outcome(result.Outcome), Name: result.Name, DisplayName: result.DisplayName, Mail: result.Mail,
		Groups: result.Groups, Reason: result.Reason, Steps: result.Steps,
	}, nil
}

// check refuses what the daemon never sends.
func (r Request) check() error {
	switch {
	case r.Name == "" || len(r.Name) > maxName || strings.ContainsAny(r.Name, "\x00:\r\n"):
		return errors.New("the name is not canonical")
	case r.Password.Empty() || r.Password.Len() > maxPassword || strings.ContainsRune(r.Password.Reveal(), 0):
		return errors.New("the password is empty, too long or holds NUL")
	}
	return nil
}

// Check asks the backend whether it could decide; one that has no Checker always can.
func (s *server) Check(ctx context.Context, _ *proto.CheckRequest) (answer *proto.CheckResponse, err error) {
	defer s.recovered(&err)
	backend, err := s.ready()
	if err != nil {
		return nil, err
	}
	if checker, ok := backend.(Checker); ok {
		if err := checker.Check(ctx); err != nil {
			return nil, status.Error(codes.Unavailable, err.Error())
		}
	}
	return &proto.CheckResponse{}, nil
}

// Lookup asks the backend who somebody is.
func (s *server) Lookup(ctx context.Context, r *proto.LookupRequest) (answer *proto.LookupResponse, err error) {
	defer s.recovered(&err)
	backend, err := s.ready()
	if err != nil {
		return nil, err
	}
	looker, ok := backend.(Looker)
	if !ok {
		return nil, status.Error(codes.Unimplemented, "the backend cannot look users up")
	}
	result, err := looker.Lookup(ctx, r.GetName())
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return &proto.LookupResponse{
		Outcome: proto.Outcome(result.Outcome), Name: result.Name, DisplayName: result.DisplayName, Mail: result.Mail, Groups: result.Groups,
	}, nil
}
