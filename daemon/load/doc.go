// Package load measures a server: it sends requests of several kinds in a given mix over a number of kept connections, either as
// fast as the connections go or at a fixed rate, and reports for each kind how many there were, how they ended and how long they
// took. It knows HTTP and nothing of Latchkey; what is sent is its caller's business.
//
// Two ways to put load on a server answer two questions. As fast as the connections go (a closed loop) finds the highest rate, but
// a server that stalls also stops the load, so that the stall is counted once for each connection. At a fixed rate (an open loop)
// a call is due at its moment whatever became of those before it, and its time counts from that moment: who would have waited
// is counted as having waited.
package load
