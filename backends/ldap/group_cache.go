package ldap

import (
	"container/list"
	"sync"
	"time"
)

// groupCache remembers the groups of accounts for a while (settings cache_user_groups_response and cache_user_groups_ttl). It
// never holds more than its size: the oldest goes first. A nil cache remembers nothing.
type groupCache struct {
	ttl  time.Duration
	size int
	now  func() time.Time

	mu      sync.Mutex
	entries map[string]*list.Element
	order   list.List // of *cachedGroups, the oldest first: all live equally long, so it is the next to end, too
}

type cachedGroups struct {
	account string
	groups  []group
	end     time.Time
}

// newGroupCache returns a cache, or nil when there is nothing to remember.
func newGroupCache(ttl time.Duration, size int, now func() time.Time) *groupCache {
	if ttl <= 0 || size <= 0 {
		return nil
	}
	return &groupCache{ttl: ttl, size: size, now: now, entries: map[string]*list.Element{}}
}

// get returns what is remembered of an account. At the instant of its end it is no longer remembered.
func (c *groupCache) get(account string) ([]group, bool) {
	if c == nil {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.entries[account]
	if !ok {
		return nil, false
	}
	cached := element.Value.(*cachedGroups)
	if !c.now().Before(cached.end) {
		c.remove(element)
		return nil, false
	}
	return cached.groups, true
}

// put remembers the groups of an account.
func (c *groupCache) put(account string, groups []group) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if element, ok := c.entries[account]; ok {
		c.remove(element)
	}
	for len(c.entries) >= c.size {
		c.remove(c.order.Front())
	}
	c.entries[account] = c.order.PushBack(&cachedGroups{account: account, groups: groups, end: c.now().Add(c.ttl)})
}

func (c *groupCache) remove(element *list.Element) {
	c.order.Remove(element)
	delete(c.entries, element.Value.(*cachedGroups).account)
}
