// SPDX-License-Identifier: Apache-2.0

// Package netifd knows what netifd says of its interfaces: the reply of
// "ubus call network.interface dump" as typed values.
//
//	question, err := netifd.Ask(ctx)
//	if errors.Is(err, netifd.ErrNoUbus) { /* ask the kernel instead */ }
//	interfaces, err := question.Answer()
package netifd
