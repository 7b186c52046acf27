// SPDX-License-Identifier: Apache-2.0

// Package netifd knows what netifd says of its interfaces: the reply of
// "ubus call network.interface dump" as typed values.
//
//	question := netifd.Ask(ctx)
//	interfaces, err := question.Answer()
//	if errors.Is(err, netifd.ErrNoUbus) { /* ask the kernel instead */ }
package netifd
