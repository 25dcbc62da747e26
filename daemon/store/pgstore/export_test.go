package pgstore

// MaxGroups is how many groups of one kind are served at a time.
const MaxGroups = maxGroups

// WaitingCreations returns how many creations are not yet in a group.
func (s *Store) WaitingCreations() int { return s.creations.length() }

// Closing reports whether the store takes no more creations.
func (s *Store) Closing() bool {
	s.creations.mu.Lock()
	defer s.creations.mu.Unlock()
	return s.creations.closed
}

func (g *groups[T]) length() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.queue.Len()
}
