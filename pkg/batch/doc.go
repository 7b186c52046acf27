// SPDX-License-Identifier: Apache-2.0

// Package batch reads netlink sockets a batch of messages at a time, in a bounded
// piece of memory:
//
//	raw, err := conn.SyscallConn()
//	buffer := make([]byte, batch.MaxLen)
//	n, err := batch.Receive(raw, buffer)
//	msgs, err := batch.Split(buffer[:n])
package batch
