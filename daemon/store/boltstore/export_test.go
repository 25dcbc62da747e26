package boltstore

// Examined waits until all of a file that was not closed properly was read, and returns the damage that was found.
func (s *Store) Examined() error {
	if s.examiner != nil {
		<-s.examiner.ended
	}
	return s.examiner.found()
}
