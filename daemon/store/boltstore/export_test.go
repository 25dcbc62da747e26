package boltstore

// Examined waits until all of a file that was not closed properly was read, and returns the damage that was found.
func (s *Store) Examined() error {
	if s.examiner != nil {
		<-s.examiner.ended
	}
	return s.examiner.found()
}

// ListNoPages makes every list of free pages too long to be written with a transaction. It is called before the first write.
func (s *Store) ListNoPages() { s.writer.longest = -1 }
