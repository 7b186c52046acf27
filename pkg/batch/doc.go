// SPDX-License-Identifier: Apache-2.0

// Package batch has netlink sockets that are read a batch of messages at a time, in a
// bounded piece of memory:
//
//	s, err := batch.Dial(unix.NETLINK_ROUTE, true)
//	seq, err := s.Ask(unix.RTM_GETRULE, unix.NLM_F_DUMP, body)
//	b, err := s.Receive()
//	msgs, err := batch.Split(b)
package batch
