// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"container/heap"
	"slices"
)

// The phases, in the order in which they run unless an edge says otherwise.
const (
	phaseRouteClear = iota // of tables that another line takes over
	phaseRoute
	phaseRule
	phaseListDelete // of entries that come again in another order
	phaseList
	phaseSetting
	phaseFlags
	phaseEndpointClear // whose address or slot a new endpoint needs
	phaseEndpoint
	phaseEndpointDelete
	phaseRuleDelete
	phaseRouteDelete
)

// pendingOp is an operation with what must come before it.
type pendingOp struct {
	Op
	phase int
	// before are the operations that must have been tried; of those in hard
	// it makes no sense to go on when they failed.
	before, hard []int
	// moved are edges of a rule's deletion to its replacement, which a cycle
	// of tables may break.
	moved []int
}

// add appends an operation and gives its place.
func (d *draft) add(phase int, op Op) int {
	d.ops = append(d.ops, pendingOp{Op: op, phase: phase})
	return len(d.ops) - 1
}

// order makes an operation wait for another.
func (d *draft) order(id, before int) {
	d.ops[id].before = append(d.ops[id].before, before)
}

// require is order, and skips the operation when the other failed.
func (d *draft) require(id, before int) {
	d.order(id, before)
	d.ops[id].hard = append(d.ops[id].hard, before)
}

// link adds the edges between routes and rules: a rule into a table waits for
// the table's default route, the deletion of a rule for its replacement, and
// the filling of a table that changes hands for the deletion of the rules that
// led there, and a rule or route that marks a device as managed for the endpoints
// that are deleted there.
func (d *draft) link(reassigned map[tableKey]bool) {
	defaults := make(map[tableKey]int)
	replacement := make(map[selector][]int)
	leading := make(map[tableKey][]int)
	for id := range d.ops {
		op := &d.ops[id]
		switch {
		case op.Object == ObjectRoute && op.Action != Delete && op.Route.Default():
			defaults[tableKey{op.Route.Family, op.Route.Table}] = id
		case op.Object == ObjectRule && op.Rule.Priority == PriorityList && (op.Action == Add || !op.Rule.Src.IsValid()):
		case op.Object == ObjectRule && op.Action == Add:
			replacement[op.Rule.selector()] = append(replacement[op.Rule.selector()], id)
		case op.Object == ObjectRule && op.Action == Delete:
			key := tableKey{op.Rule.Family, op.Rule.Table}
			leading[key] = append(leading[key], id)
		}
	}
	cleared := make(map[string][]int) // endpoints deleted first, by device
	for id := range d.ops {
		if op := &d.ops[id]; op.phase == phaseEndpointClear && op.Device != "" {
			cleared[op.Device] = append(cleared[op.Device], id)
		}
	}
	for id := range d.ops {
		op := &d.ops[id]
		if op.Action == Delete && (op.Object == ObjectRule || op.Object == ObjectRoute) {
			for _, endpoint := range cleared[op.managedDevice()] {
				d.require(id, endpoint)
			}
		}
		switch {
		case op.Object == ObjectRule && op.Action == Add:
			if route, ok := defaults[tableKey{op.Rule.Family, op.Rule.Table}]; ok {
				d.require(id, route)
			}
		case op.Object == ObjectRule && op.phase == phaseRuleDelete:
			op.moved = replacement[op.Rule.selector()]
		case op.Object == ObjectRoute:
			key := tableKey{op.Route.Family, op.Route.Table}
			if reassigned[key] {
				for _, rule := range leading[key] {
					d.require(id, rule)
				}
			}
		}
	}
}

// managedDevice is the device that a rule or route marks as managed.
func (o *pendingOp) managedDevice() string {
	if o.Object == ObjectRule {
		return o.Rule.OIF
	}
	return o.Route.Device
}

// ordered gives the operations in an order that honours all edges, by phase
// where they leave the choice. In a cycle of tables one line's rules are
// deleted before their replacement is there.
func (d *draft) ordered() []Op {
	waiting := make([]int, len(d.ops))
	followers := make([][]int, len(d.ops))
	for id, op := range d.ops {
		for _, before := range append(slices.Clip(op.before), op.moved...) {
			waiting[id]++
			followers[before] = append(followers[before], id)
		}
	}
	ready := &queue{ops: d.ops}
	for id := range d.ops {
		if waiting[id] == 0 {
			heap.Push(ready, id)
		}
	}
	place := make([]int, len(d.ops))
	done := make([]bool, len(d.ops))
	var ops []Op
	var freed tableKey
	for len(ops) < len(d.ops) {
		var id int
		if ready.Len() > 0 {
			id = heap.Pop(ready).(int)
		} else if id = d.breakCycle(done, &freed); id < 0 {
			break
		}
		if done[id] {
			continue
		}
		op := d.ops[id].Op
		for _, before := range append(slices.Clip(d.ops[id].hard), d.ops[id].moved...) {
			op.After = insert(op.After, place[before])
		}
		place[id], done[id] = len(ops), true
		ops = append(ops, op)
		for _, next := range followers[id] {
			if waiting[next]--; waiting[next] == 0 && !done[next] {
				heap.Push(ready, next)
			}
		}
	}
	return ops
}

// insert adds a number to an ascending list unless it is there.
func insert(list []int, n int) []int {
	at := len(list)
	for at > 0 && list[at-1] > n {
		at--
	}
	if at > 0 && list[at-1] == n {
		return list
	}
	list = append(list, n)
	copy(list[at+1:], list[at:])
	list[at] = n
	return list
}

// breakCycle frees the deletion of a rule from waiting for its replacement: one
// more of the table that was freed last, or else the first.
func (d *draft) breakCycle(done []bool, freed *tableKey) int {
	first := -1
	for id := range d.ops {
		op := &d.ops[id]
		if done[id] || len(op.moved) == 0 {
			continue
		}
		if key := (tableKey{op.Rule.Family, op.Rule.Table}); key == *freed {
			first = id
			break
		}
		if first < 0 {
			first = id
		}
	}
	if first >= 0 {
		op := &d.ops[first]
		op.moved, *freed = nil, tableKey{op.Rule.Family, op.Rule.Table}
	}
	return first
}

// queue is a heap of places in ops, by phase and then by age.
type queue struct {
	ops []pendingOp
	ids []int
}

func (q *queue) Len() int { return len(q.ids) }
func (q *queue) Less(i, j int) bool {
	a, b := q.ids[i], q.ids[j]
	return cmp.Or(cmp.Compare(q.ops[a].phase, q.ops[b].phase), cmp.Compare(a, b)) < 0
}
func (q *queue) Swap(i, j int) { q.ids[i], q.ids[j] = q.ids[j], q.ids[i] }
func (q *queue) Push(x any)    { q.ids = append(q.ids, x.(int)) }
func (q *queue) Pop() any {
	last := q.ids[len(q.ids)-1]
	q.ids = q.ids[:len(q.ids)-1]
	return last
}
