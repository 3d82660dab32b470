// host - what this machine and given directories offer to a mount, and what follows from what is missing.
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { release } from 'node:os'
import { delimiter, join } from 'node:path'
import { defaultThreads, maxLowers } from '../config/options.js'
import { descriptorsNeeded } from '../engine/descriptors.js'
import type { HostProbe, Outcome, PathProbe } from '../engine/contract.js'
import { explainDevice } from '../engine/fuse-device.js'
import { shellWord } from '../words.js'
import { kernelIsAtLeast, oldestKernel } from '../stack/kernel.js'

// Verdicts. good: as it should be. lacking: works, with the consequence told. bad: no mount is possible, or not here.
export type Check =
  | { readonly name: string; readonly verdict: 'good'; readonly found: string }
  | {
      readonly name: string
      readonly verdict: 'lacking' | 'bad'
      readonly found: string
      readonly consequence: string // what it costs
      readonly remedy: string // what to do, or that nothing needs to be done
    }

const oldestProtocolMinor = 31
const wantedDescriptors = 10_000

// Only what cannot be tried is judged by the kernel's version.
const sinceKernel: readonly [release: string, without: string][] = [
  ['5.8', 'without root, removed names are marked by .wh.NAME files, which kernel overlayfs does not read (5.8)'],
  ['5.12', 'lowers are not taken as private clones, so what is mounted over a lower later shows, and no mount point may lie in a lower (5.12)'],
]

export function checkHost(probe: HostProbe): Check[] {
  return [kernelCheck(), deviceCheck(probe), protocolCheck(probe), rightsCheck(probe), passthroughCheck(probe), userNamespaceCheck(probe), fusermountCheck(probe), overlayCheck(), descriptorCheck()]
}

export function checkPath(probe: PathProbe): Check[] {
  const markFiles = 'as an upper: removed names are marked by .wh.NAME files, which kernel overlayfs does not read'
  const noMarks = 'as an upper: opaque directories are marked by a file, and copies have other inode numbers after the next mount'
  const userMarks = 'as an upper: marks are user.overlay.*, which kernel overlayfs reads with the mount option userxattr'
  const elsewhere = 'for an upper choose a directory on ext4, xfs, btrfs or tmpfs'
  const sharing = 'nothing needs to be done, unless kernel overlayfs shall read the upper: then mount as root'
  const rows: [name: string, outcome: Outcome | undefined, consequence: string, remedy: string, bad?: boolean][] = [
    ['writable', probe.writable, 'it can be a lower, not an upper', howToWrite(probe.writable)],
    ['user xattrs', probe.xattrUser, 'as an upper: programs cannot set them, and copy-up loses them', `${elsewhere} (tmpfs has them from Linux 6.6 on)`],
    ['trusted xattrs', probe.xattrTrusted, isLacking(probe.xattrUser) ? noMarks : userMarks, isLacking(probe.xattrUser) ? elsewhere : sharing],
    ['POSIX ACLs', probe.acl, 'as an upper: none can be set, and files that have one cannot be copied up', `${elsewhere}, mounted without noacl`],
    ['symbolic links', probe.symlink, 'it cannot be an upper', elsewhere, true],
    ['hard links', probe.hardlink, 'it cannot be an upper', elsewhere, true],
    ['O_TMPFILE', probe.tmpfile, 'as an upper: copies are staged under a name, and programs get EOPNOTSUPP for O_TMPFILE', elsewhere],
    ['whiteout devices (mknod 0:0)', probe.whiteoutDevice, markFiles, probe.whiteoutDevice === 'EPERM' ? `mount as root, or with Linux 5.8 or newer; else ${elsewhere}` : elsewhere],
    ['RENAME_WHITEOUT', probe.renameWhiteout, markFiles, elsewhere],
    ['RENAME_EXCHANGE', probe.renameExchange, `${markFiles}; programs cannot exchange two names`, elsewhere],
    ['reflinks', probe.reflink, 'as an upper: copy-up copies the data instead of sharing it', 'nothing needs to be done; where large files are changed, put upper and lowers on one btrfs, or xfs with reflink=1'],
    ['file handles', probe.fileHandles, 'as a lower: copied-up files have other inode numbers after the next mount', 'where programs remember inode numbers (backups, tar --listed-incremental), put it on ext4, xfs, btrfs or tmpfs'],
    ['birth time', probe.birthTime, 'statx shows none, and the path index remembers nothing of such a layer', 'nothing needs to be done; a layer that is mounted often is faster on ext4, xfs or btrfs'],
  ]
  return rows
    .filter(([name, outcome]) => outcome !== undefined || name === 'writable')
    .map(([name, outcome = null, consequence, remedy, bad]) => {
      if (outcome === null) return { name, verdict: 'good', found: 'yes' }
      return { name, verdict: bad === true ? 'bad' : 'lacking', found: `no (${outcome})`, consequence, remedy }
    })
}

function howToWrite(outcome: Outcome | undefined): string {
  if (outcome === 'EACCES' || outcome === 'EPERM') return 'for an upper give yourself write permission, or mount as root'
  if (outcome === 'ENOSPC' || outcome === 'EDQUOT') return 'for an upper free some space'
  return 'for an upper choose a directory on a writable ext4, xfs, btrfs or tmpfs'
}

function isLacking(outcome: Outcome | undefined): boolean {
  return outcome !== null && outcome !== undefined
}

export function kernelCheck(present = release()): Check {
  const name = 'kernel'
  const found = `Linux ${present}`
  if (!kernelIsAtLeast(oldestKernel, present)) return { name, verdict: 'bad', found, consequence: `nothing can be mounted: Linux ${oldestKernel} is the oldest that works (openat2)`, remedy: 'install a newer kernel' }
  const without = sinceKernel.filter(([since]) => !kernelIsAtLeast(since, present)).map(([, text]) => text)
  return without.length === 0 ? { name, verdict: 'good', found } : { name, verdict: 'lacking', found, consequence: without.join('; '), remedy: 'install a newer kernel where that matters' }
}

function deviceCheck(probe: HostProbe): Check {
  const name = '/dev/fuse'
  if (probe.device === null) return { name, verdict: 'good', found: 'opens' }
  const { reason, remedy } = explainDevice(name, probe.device)
  return { name, verdict: 'bad', found: reason.replace(/^\S+ /, ''), consequence: 'nothing can be mounted', remedy }
}

function protocolCheck(probe: HostProbe): Check {
  const name = 'FUSE protocol'
  if (probe.protocolMajor === 0) {
    if (probe.device !== null) return { name, verdict: 'lacking', found: 'unknown', consequence: 'it is asked through /dev/fuse, which does not open', remedy: 'see to the device first' }
    return { name, verdict: 'lacking', found: `unknown (trial mount: ${probe.privateMount ?? 'no answer'})`, consequence: 'the first mount shows whether it is new enough', remedy: 'nothing needs to be done; `unionfs doctor` as root can ask' }
  }
  const found = `${probe.protocolMajor}.${probe.protocolMinor}`
  if (probe.protocolMinor >= oldestProtocolMinor) return { name, verdict: 'good', found }
  return { name, verdict: 'bad', found, consequence: `nothing can be mounted: 7.${oldestProtocolMinor} is the oldest that is served`, remedy: `install another kernel: every Linux from ${oldestKernel} on speaks it` }
}

function rightsCheck(probe: HostProbe): Check {
  const name = 'privilege'
  if (probe.initialAdmin) return { name, verdict: 'good', found: 'CAP_SYS_ADMIN' }
  if (probe.admin) return { name, verdict: 'good', found: 'CAP_SYS_ADMIN in a user namespace' }
  const ways = [
    ...(helperWorks() ? ['through fusermount3, on directories you own'] : []),
    ...(probe.userNamespace === null ? ['inside `unshare -Urm`, seen there only'] : []),
  ]
  if (ways.length === 0) return { name, verdict: 'bad', found: 'none', consequence: 'you cannot mount: there is neither fusermount3 nor a user namespace for you', remedy: 'mount as root, or as root: apt-get install fuse3' }
  return { name, verdict: 'lacking', found: 'none', consequence: `you mount ${ways.join(', or ')}`, remedy: 'nothing needs to be done; for device files, set-user-id programs or passthrough mount as root' }
}

function passthroughCheck(probe: HostProbe): Check {
  const name = 'passthrough I/O'
  if (probe.passthrough === null) return { name, verdict: 'good', found: 'works' }
  const reasons: Readonly<Record<string, string>> = {
    EPERM: 'needs root outside of user namespaces (CAP_SYS_ADMIN)',
    EINVAL: 'the kernel does not offer it (Linux 6.9 with CONFIG_FUSE_PASSTHROUGH)',
    ENOTTY: 'the kernel does not offer it (Linux 6.9 with CONFIG_FUSE_PASSTHROUGH)',
    EOPNOTSUPP: 'the kernel does not offer it (Linux 6.9 with CONFIG_FUSE_PASSTHROUGH)',
    untried: 'could not be tried',
  }
  const outcome = probe.initialAdmin ? probe.passthrough : 'EPERM'
  const remedy = outcome === 'EPERM' ? 'mount as root' : 'install Linux 6.9 or newer'
  return {
    name,
    verdict: 'lacking',
    found: `no: ${reasons[outcome] ?? outcome}`,
    consequence: 'file data goes through the daemon and the page cache (--io=cached), so that large files are read and written more slowly',
    remedy: `nothing needs to be done; where that matters, ${remedy}`,
  }
}

function userNamespaceCheck(probe: HostProbe): Check {
  const name = 'user namespaces'
  if (probe.userNamespace === null) return { name, verdict: 'good', found: 'allowed' }
  return { name, verdict: 'lacking', found: `not allowed (${probe.userNamespace})`, consequence: 'no mounts inside `unshare -Urm`, no rootless containers', remedy: howToAllowNamespaces(probe.userNamespace) }
}

function howToAllowNamespaces(outcome: string): string {
  if (outcome === 'ENOSPC') return 'as root: sysctl user.max_user_namespaces=15000'
  return "as root: sysctl kernel.unprivileged_userns_clone=1 (Debian) or kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu); in a container its seccomp rules decide"
}

function fusermountCheck(probe: HostProbe): Check {
  const name = 'fusermount3'
  const path = helperPath()
  const found = path === undefined ? 'not installed' : `${path}, ${isSetuidRoot(path) ? '' : 'not '}setuid root`
  if (helperWorks()) return { name, verdict: 'good', found }
  if (probe.admin) return { name, verdict: 'good', found: `${found}; not needed here` }
  return { name, verdict: 'lacking', found, consequence: 'no mounts outside of user namespaces', remedy: `as root: ${path === undefined ? 'apt-get install fuse3' : `chmod u+s ${shellWord(path)}`}` }
}

function helperPath(): string | undefined {
  return (process.env['PATH'] ?? '/usr/bin:/bin').split(delimiter).map((dir) => join(dir, 'fusermount3')).find(isExecutable)
}

function helperWorks(): boolean {
  const path = helperPath()
  return path !== undefined && isSetuidRoot(path)
}

function isSetuidRoot(path: string): boolean {
  const stats = statSync(path)
  return stats.uid === 0 && (stats.mode & 0o4000) !== 0
}

function overlayCheck(): Check {
  const name = 'kernel overlayfs'
  const known = readFileSync('/proc/filesystems', 'utf8').split('\n').some((line) => line.endsWith('\toverlay'))
  return known ? { name, verdict: 'good', found: 'available; unionfs does not use it' } : { name, verdict: 'lacking', found: 'not loaded', consequence: 'comparisons with it are impossible; unionfs does not use it', remedy: 'nothing needs to be done; as root: modprobe overlay' }
}

export function descriptorCheck(limits = readFileSync('/proc/self/limits', 'utf8')): Check {
  const name = 'open files'
  const [, soft = '0', hard = '0'] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(limits) ?? []
  const found = `at most ${hard} (now ${soft})`
  if (hard === 'unlimited' || Number(hard) >= wantedDescriptors) return { name, verdict: 'good', found }
  const remedy = `as root: ulimit -n ${wantedDescriptors} before the mount (of a service: LimitNOFILE=${wantedDescriptors})`
  const needed = descriptorsNeeded(1, defaultThreads)
  if (Number(hard) < needed) return { name, verdict: 'bad', found, consequence: `nothing can be mounted: a mount of one lower needs ${needed}`, remedy }
  const lowers = Number(hard) - needed + 1
  const fewLowers = lowers < maxLowers ? `, and of lowers at most ${lowers} can be mounted` : ''
  return { name, verdict: 'lacking', found, consequence: `descriptor caches are smaller, so more files are opened anew${fewLowers}`, remedy }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
