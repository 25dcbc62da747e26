package pgstore

import (
	"context"
	"encoding/json"
	"fmt"

	"latchkey/daemon/store"
)

// document is a record that is kept whole, as JSON text in a bytea column; it is empty when the column is NULL.
type document []byte

// encode returns a record as a document. The error wraps store.ErrInvalid: only what a caller gave can be at fault.
func encode(record any) (raw, error) {
	value, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	return value, nil
}

// ScanBytes reads a column; see pgtype.BytesScanner.
func (d *document) ScanBytes(value []byte) error {
	*d = append(document(nil), value...)
	return nil
}

// decode reads a record. Fields that this version does not know are passed over.
func (d document) decode(record any) error {
	if err := json.Unmarshal(d, record); err != nil {
		return fmt.Errorf("a record is damaged: %w", err)
	}
	return nil
}

// documents reads a list of records and its total; limit is the most that are read, zero means all. The column of the records is
// called record.
func documents[Record any](ctx context.Context, s *Store, count, chosen, alias, order string, limit int, arguments []any) (page []Record, total int, err error) {
	if limit > 0 {
		arguments = append(arguments, limit)
		chosen += fmt.Sprintf(" LIMIT $%d", len(arguments))
	}
	sql := counted(count, chosen, alias+".record", alias, order)
	err = s.read(ctx, func(ctx context.Context) error {
		var rows []document
		rows, total, err = collect(ctx, s, sql, arguments, func(total *int) (*document, []any) {
			d := &document{}
			return d, []any{total, d}
		}, func(d *document) (document, bool) { return *d, len(*d) > 0 })
		if err != nil {
			return err
		}
		page = nil
		for _, row := range rows {
			var record Record
			if err := row.decode(&record); err != nil {
				return err
			}
			page = append(page, record)
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	return page, total, nil
}
