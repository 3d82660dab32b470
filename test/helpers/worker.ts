// worker - runs the cases of one suite on one subject, inside the sandbox, and reports each on descriptor 3.
//
// argv: BASE SUITE KIND FIRST NAME-FILTER. FIRST skips the cases before that position (after a crash the parent goes
// on behind the case that died).
import { writeSync } from 'node:fs'
import { inspect } from 'node:util'
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Fixture, type Case, type CaseSpec } from './case.js'
import { dump } from './dump.js'
import { dir, type DirNode, type Tree } from './tree.js'
import { lacks, makeStack, removeStack, type Kind, type Layers, type Stack, type StackOptions, type UnionPaths } from './subject.js'
import { loadSuite, selectCases, type Report } from './suites.js'

const [base = '', suite = '', kind = '', first = '0', filter = ''] = process.argv.slice(2)

function report(event: Report): void {
  writeSync(3, JSON.stringify(event) + '\n')
}

function skipReason(spec: CaseSpec, subject: Kind): string | undefined {
  return (spec.needs ?? []).map((ability) => lacks(subject, ability)).find((reason) => reason !== undefined)
}

function lowersOf(spec: CaseSpec): Tree[] {
  if (spec.lower === undefined) return []
  return Array.isArray(spec.lower) ? spec.lower : [spec.lower]
}

// The literals of one case as subtrees called `name`, one per layer.
function placeCase(layers: { lowers: DirNode[]; upper: DirNode }, name: string, spec: CaseSpec): void {
  const lowers = lowersOf(spec)
  lowers.forEach((tree, i) => {
    while (layers.lowers.length <= i) layers.lowers.push(dir())
    const layer = layers.lowers[i]
    if (layer !== undefined) layer.tree[name] = dir(rebase(tree, name), spec.top)
  })
  if (lowers.length === 0 || spec.upper !== undefined) layers.upper.tree[name] = dir(rebase(spec.upper ?? {}, name), spec.top)
}

// Hard links name their target from the root of the literal, which now lies one directory deeper.
function rebase(tree: Tree, name: string): Tree {
  const out: Tree = {}
  for (const [key, node] of Object.entries(tree)) {
    if (typeof node === 'string') out[key] = node
    else if (node.kind === 'hardlink') out[key] = { ...node, path: `${name}/${node.path}` }
    else if (node.kind === 'dir') out[key] = { ...node, tree: rebase(node.tree, name) }
    else out[key] = node
  }
  return out
}

const caseDir = (position: number): string => `c${String(position).padStart(3, '0')}`

function unionOf(stack: Stack, name: string): UnionPaths | undefined {
  if (stack.union === undefined) return undefined
  return { lowers: stack.union.lowers.map((at) => join(at, name)), upper: join(stack.union.upper, name), work: stack.union.work }
}

function lowersDump(union: UnionPaths | undefined): string[] {
  if (union === undefined) return []
  return union.lowers.filter((at) => existsSync(at)).map((at) => dump(at, { untouched: true, xattrs: () => true }))
}

async function runCase(item: Case, fixture: Fixture): Promise<void> {
  const before = lowersDump(fixture.union)
  await item.run(fixture)
  if (item.spec.touchesLower !== true) assert.deepEqual(lowersDump(fixture.union), before, 'the lower layers are as they were')
}

async function runOwn(item: Case, subject: Kind, name: string, own: StackOptions): Promise<void> {
  const layers: { lowers: DirNode[]; upper: DirNode } = { lowers: [dir()], upper: dir() }
  placeCase(layers, name, item.spec)
  const at = join(base, `own-${name}`)
  const stack = makeStack(subject, at, layers, own)
  const remount = (): void => {
    stack.unmount()
    stack.mount()
  }
  const outcome = await settled(runCase(item, new Fixture(subject, join(stack.root, name), unionOf(stack, name), remount)))
  try {
    removeStack(stack, at)
  } catch (error) {
    // What the case itself found comes first: a failed case often leaves files open.
    if (outcome.ok) throw error
  }
  if (!outcome.ok) throw outcome.error
}

type Settled = { ok: true } | { ok: false; error: unknown }

function settled(work: Promise<void>): Promise<Settled> {
  return work.then((): Settled => ({ ok: true }), (error: unknown): Settled => ({ ok: false, error }))
}

async function attempt(item: Case, position: number, subject: Kind, shared: Stack): Promise<void> {
  const started = performance.now()
  report({ event: 'start', position, seconds: item.spec.seconds ?? 20 })
  let error: string | undefined
  try {
    const name = caseDir(position)
    if (item.spec.own !== undefined) await runOwn(item, subject, name, item.spec.own)
    else await runCase(item, new Fixture(subject, join(shared.root, name), unionOf(shared, name), undefined))
  } catch (thrown) {
    error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : inspect(thrown)
  }
  report({ event: 'end', position, ms: Math.round(performance.now() - started), ...(error === undefined ? {} : { error }) })
}

async function main(): Promise<void> {
  process.umask(0o022)
  const subject = kind as Kind
  const cases = selectCases(await loadSuite(suite), filter)
  const layers: { lowers: DirNode[]; upper: DirNode } = { lowers: [dir(), dir(), dir()], upper: dir() }
  const wanted = cases.map((item, position) => ({ item, position })).filter(({ position }) => position >= Number(first))
  const runnable = wanted.filter(({ item, position }) => {
    const reason = skipReason(item.spec, subject)
    if (reason !== undefined) report({ event: 'skip', position, reason })
    return reason === undefined
  })
  for (const { item, position } of runnable) if (item.spec.own === undefined) placeCase(layers, caseDir(position), item.spec)
  const at = join(base, 'shared')
  const shared = makeStack(subject, at, layers satisfies Layers)
  for (const { item, position } of runnable) await attempt(item, position, subject, shared)
  removeStack(shared, at)
  report({ event: 'done' })
}

await main()
