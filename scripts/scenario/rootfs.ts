// rootfs - a Debian root file system cut into layers, mounted, lived in, and compared.
//
// What must hold: the merged view equals the tree the layers were cut from; programs work on it as on any file system;
// the upper, seen by a fresh mount and by the other implementation, is the very tree the programs left; and no
// lower layer has changed. Options: --subject, --io, --short (no network, about a minute), started by rootfs.sh.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Container } from './container.js'
import { installHostPrograms, rootTarball, unpack } from './debian.js'
import { chooseDecoys, markersToWhNames } from './decoys.js'
import { dumpTree, requireEqualDumps, type Dump, type DumpOptions } from './dump.js'
import { addExtras } from './extras.js'
import { restoreDirectories, splitTree, type LayerSet } from './layers.js'
import { parseOptions } from './options.js'
import { run } from './run.js'
import { StepRunner } from './steps.js'
import { daemonLogTails, mountStack, otherSubject, subjectLabel, subjectLacks, type Mounted, type Stack, type Subject } from './subject.js'

interface Scene {
  readonly steps: StepRunner
  readonly subject: Subject
  readonly scratch: string
  readonly short: boolean
  readonly dumping: DumpOptions
}

interface Fixture {
  readonly set: LayerSet
  readonly stack: Stack
  readonly reference: Dump
  readonly lowerDumps: readonly Dump[]
}

const kInstalledPackages = ['gcc', 'libc6-dev', 'git', 'sqlite3', 'postgresql']
/** A package of every minbase that nothing running here needs. */
const kRemovedPackages = ['tzdata']

function main(): void {
  const { subject, scratch, values } = parseOptions({ short: { type: 'boolean' } })
  if (subject.name === 'plain') throw new Error('--subject plain: a root file system needs a union')
  const dumping = { coarseTimes: subjectLacks(subject, 'nanosecond-times') !== undefined }
  const scene: Scene = { steps: new StepRunner(), subject, scratch, short: values['short'] === true, dumping }
  try {
    scenario(scene)
  } catch (error) {
    process.stderr.write(daemonLogTails(scratch, 20))
    throw error
  } finally {
    process.stdout.write(`\n${subjectLabel(subject)}, ${scene.short ? 'short' : 'full'} form\n${scene.steps.table()}\n`)
  }
}

function scenario(scene: Scene): void {
  const { steps, subject, scratch } = scene
  const fixture = prepare(scene)
  const target = join(scratch, 'merged')

  const mounted = steps.step(`mount as ${subjectLabel(subject)}`, () => mountStack(subject, fixture.stack, target))
  steps.step('the merged view equals the tree the layers came from', () => {
    requireEqualDumps(fixture.reference, dumpTree(target, scene.dumping), 'original', 'merged')
  })
  live(scene, target)
  const left = steps.step('dump of the tree as the programs left it', () => dumpTree(target, scene.dumping))
  steps.step('unmount', () => unmountCleanly(mounted))

  compareView(scene, fixture.stack, left, subject, 'a fresh mount shows the same tree')
  const other = otherSubject(subject)
  if (other === undefined) process.stdout.write('unionfs is not built here: the tree is not compared with it\n')
  else compareView(scene, fixture.stack, left, other, `${subjectLabel(other)} shows the same tree`)
  steps.step('no lower layer has changed', () => {
    fixture.set.layers.forEach((layer, index) => {
      requireEqualDumps(fixture.lowerDumps[index] ?? new Map(), dumpTree(layer, scene.dumping), `layer ${index} before`, 'after')
    })
  })
  if (subject.name === 'unionfs') otherMarkers(scene, fixture)
}

function prepare(scene: Scene): Fixture {
  const { steps, scratch } = scene
  const root = join(scratch, 'root')
  const upper = join(scratch, 'upper')
  steps.step('host packages', installHostPrograms)
  const tarball = steps.step('Debian root, by debootstrap or from the cache', () =>
    rootTarball(scene.short ? 'tools' : 'minbase', scratch),
  )
  const reference = steps.step('unpack it, add special entries, describe it', () => {
    unpack(tarball, root)
    addExtras(root)
    return dumpTree(root, scene.dumping)
  })
  const set = steps.step('cut it into layers with whiteouts, opaque directories and decoys', () =>
    splitTree(root, join(scratch, 'layers'), chooseDecoys(root)),
  )
  mkdirSync(upper)
  // The upper's own root is the root of the merged view; it takes over what the layers say of theirs.
  copyAttributes(root, upper)
  const lowerDumps = steps.step('describe the layers', () => set.layers.map((layer) => dumpTree(layer, scene.dumping)))
  return { set, stack: { lowers: [...set.layers].reverse(), upper }, reference, lowerDumps }
}

function copyAttributes(from: string, to: string): void {
  for (const program of ['chown', 'chmod', 'touch']) run(program, [`--reference=${from}`, to])
}

function skipped(what: string, why: string): void {
  process.stdout.write(`skipped             ${what}: ${why}\n`)
}

/** Everything that happens inside the merged tree. */
function live(scene: Scene, target: string): void {
  const { steps } = scene
  const oneUser = subjectLacks(scene.subject, 'caller-ids')
  const container = new Container(target, join(scene.scratch, 'inside.log'), oneUser !== undefined, scene.subject.transport !== 'kernel')
  const script = (name: string, file: string, ...args: string[]): void => {
    steps.step(name, () => container.script(file, ...args))
  }
  const noAcls = subjectLacks(scene.subject, 'posix-acl')
  script('chroot: device nodes, set-user-id, capabilities, ACLs of the tree', 'devices.sh', ...(noAcls === undefined ? [] : ['without-acls']))
  if (noAcls !== undefined) skipped('ACLs', noAcls)
  steps.step('container: /proc, /sys, /dev; apt set up', () => {
    container.enter()
    container.configureApt()
  })
  if (!scene.short) {
    steps.step('package cache copied in', () => { container.loadPackageCache() })
    script('chroot: apt-get update', 'apt-update.sh')
    const packages = kInstalledPackages.filter((name) => name !== 'postgresql' || oneUser === undefined)
    script(`chroot: apt-get install ${packages.join(' ')}`, 'apt-install.sh', ...packages)
    steps.step('package cache copied out', () => { container.savePackageCache() })
  }
  script('chroot: C programs compiled and run', 'compile.sh')
  steps.step('bubblewrap: C programs compiled and run', () =>
    container.scriptInBubblewrap('compile.sh', '/root/compile-bubblewrap'),
  )
  script('chroot: a package built, installed, upgraded, purged by dpkg', 'dpkg-local.sh')
  script('chroot: dpkg -V', 'dpkg-verify.sh')
  script('chroot: git commit, clone, gc, push, fsck', 'git.sh')
  script('chroot: SQLite', 'sqlite.sh')
  if (oneUser !== undefined) skipped('PostgreSQL, which runs as a user of its own', oneUser)
  else if (!scene.short) script('chroot: PostgreSQL', 'postgres.sh')
  script('chroot: packages of the lower layers purged, caches emptied', 'apt-remove.sh', ...kRemovedPackages)
  script('chroot: dpkg -V again', 'dpkg-verify.sh')
  script('chroot: trees copied, moved, deleted, replaced, archived', 'trees.sh')
  steps.step('container left', () => { container.leave() })
}

function compareView(scene: Scene, stack: Stack, left: Dump, subject: Subject, name: string): void {
  scene.steps.step(name, () => {
    const mounted = mountStack(subject, stack, join(scene.scratch, 'merged-again'))
    requireEqualDumps(left, dumpTree(mounted.target, scene.dumping), 'as left', subjectLabel(subject))
    unmountCleanly(mounted)
  })
}

/** The same layers with `.wh.` markers, which the kernel does not read: still the original tree. */
function otherMarkers(scene: Scene, fixture: Fixture): void {
  const { set } = fixture
  scene.steps.step('the layers with .wh. markers show the same tree', () => {
    markersToWhNames(set.layers, set.decoys)
    restoreDirectories(set)
    const mounted = mountStack(scene.subject, { lowers: fixture.stack.lowers }, join(scene.scratch, 'merged-wh'))
    requireEqualDumps(fixture.reference, dumpTree(mounted.target, scene.dumping), 'original', 'merged')
    unmountCleanly(mounted)
  })
}

function unmountCleanly(mounted: Mounted): void {
  mounted.unmount()
  const records = mounted.errorRecords()
  if (records.length > 0) throw new Error(`the daemon logged errors:\n  ${records.slice(0, 20).join('\n  ')}`)
}

try {
  main()
} catch (error) {
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
