// table - every option of the mount-program form, in one table. The parser asks it; docs/CLI.md is made from it.

// flag: NAME. switch: NAME or NAME=0|1. Others have a value. ignored: known to mean nothing here, so nothing is said.
export type ProgramOptionType = 'flag' | 'switch' | 'text' | 'integer' | 'seconds' | 'mapping' | 'choice' | 'ignored'

export interface ProgramOption {
  readonly names: readonly string[] // the first is its name, the others mean the same
  readonly type: ProgramOptionType
  readonly choices?: readonly string[]
  readonly default: string
  readonly help: string
}

const xinoModes = ['off', 'auto', 'on'] as const

export const programOptions: readonly ProgramOption[] = [
  { names: ['lowerdir'], type: 'text', default: 'required', help: 'A[:B...], the lowers, top first. One, two or three backslashes before a colon make it part of the name. //NAME/DATA/PATH (plugins) is refused.' },
  { names: ['upperdir'], type: 'text', default: 'none', help: 'Takes all changes; without it the mount is read-only.' },
  { names: ['workdir'], type: 'text', default: 'none', help: 'Where changes are staged, in WORKDIR/work, which is emptied at mount. Goes with upperdir; alone it is ignored, and that is said.' },
  { names: ['redirect_dir'], type: 'choice', choices: ['off'], default: 'off', help: 'Only off can be had.' },
  { names: ['uidmapping'], type: 'mapping', default: 'identity', help: 'ONDISK:PRESENTED:LEN[:...], owners in the layers and owners shown; a leading colon is allowed. What no triple has shows as the overflow id and cannot be created.' },
  { names: ['gidmapping'], type: 'mapping', default: 'identity', help: 'The same for groups.' },
  { names: ['squash_to_root'], type: 'flag', default: 'off', help: 'Everything shows as owned by 0:0; changes of owner do nothing.' },
  { names: ['squash_to_uid'], type: 'integer', default: 'off', help: 'Everything shows as owned by this user.' },
  { names: ['squash_to_gid'], type: 'integer', default: 'off', help: 'Everything shows as owned by this group.' },
  { names: ['xattr_permissions'], type: 'choice', choices: ['0', '1', '2'], default: '0', help: 'Owner, mode and type are kept in an xattr: 1 security.fuseoverlayfs.override_stat, 2 user.containers.override_stat. What the root of an upper says already counts.' },
  { names: ['timeout'], type: 'seconds', default: 'for ever', help: 'How long the kernel may remember names and attributes.' },
  { names: ['fsync', 'sync'], type: 'switch', default: '1', help: '0: fsync is not passed on.' },
  { names: ['volatile'], type: 'flag', default: 'off', help: 'The same as fsync=0.' },
  { names: ['writeback'], type: 'switch', default: '1', help: "0: without the kernel's write-back cache." },
  { names: ['noxattrs'], type: 'switch', default: '0', help: '1: the mount has no extended attributes.' },
  { names: ['static_nlink'], type: 'flag', default: 'off', help: 'Directories have link count 1.' },
  { names: ['ino32_t'], type: 'flag', default: 'off', help: 'Inode numbers are cut to 32 bits.' },
  { names: ['noacl'], type: 'flag', default: 'off', help: 'No POSIX ACLs.' },
  { names: ['xino'], type: 'choice', choices: xinoModes, default: 'off', help: 'on: fails unless every layer has file handles. Inode numbers are unique and lasting where the layers allow it, whatever is chosen.' },
  { names: ['ro'], type: 'flag', default: 'off', help: 'Read-only, upperdir or not.' },
  { names: ['rw'], type: 'flag', default: 'on', help: 'The contrary of ro.' },
  { names: ['remount'], type: 'flag', default: '', help: 'Refused: unmount, and mount again.' },
  { names: ['allow_other'], type: 'flag', default: 'on for root', help: 'Other users may use the mount.' },
  { names: ['suid'], type: 'flag', default: 'on for root', help: 'Set-user-id bits work.' },
  { names: ['nosuid'], type: 'flag', default: 'off', help: 'The contrary of suid.' },
  { names: ['dev'], type: 'flag', default: 'off', help: 'Device files work (root outside of user namespaces).' },
  { names: ['nodev'], type: 'flag', default: 'on', help: 'The contrary of dev.' },
  { names: ['noexec'], type: 'flag', default: 'off', help: 'Nothing can be executed.' },
  { names: ['exec'], type: 'flag', default: 'on', help: 'The contrary of noexec.' },
  { names: ['debug'], type: 'flag', default: 'off', help: 'As -d: in the foreground, with a log on stderr.' },
  { names: ['threaded'], type: 'ignored', default: '', help: 'As many threads serve as are needed.' },
  { names: ['fast_ino', 'fast_ino_check'], type: 'ignored', default: '', help: 'Numbers of directory entries are always those of stat.' },
  { names: ['plugins'], type: 'ignored', default: '', help: 'There are none.' },
  { names: ['context', 'fscontext', 'defcontext', 'rootcontext'], type: 'ignored', default: '', help: 'Labels for a kernel filesystem.' },
  { names: ['default_permissions'], type: 'ignored', default: '', help: 'Always on.' },
  { names: ['allow_root'], type: 'ignored', default: '', help: 'allow_other decides alone.' },
  { names: ['atime', 'noatime', 'diratime', 'nodiratime', 'relatime', 'norelatime'], type: 'ignored', default: '', help: 'Reading changes no times.' },
  { names: ['splice_write', 'splice_read', 'splice_move', 'kernel_cache', 'max_write', 'auto_unmount'], type: 'ignored', default: '', help: 'Of libfuse.' },
  { names: ['defaults', 'auto', 'noauto', 'user', 'nouser', 'users', 'owner', 'group', 'nofail', '_netdev', 'comment'], type: 'ignored', default: '', help: 'Of fstab; and whatever begins with x- or X-.' },
]

const byName: ReadonlyMap<string, ProgramOption> = new Map(programOptions.flatMap((option) => option.names.map((name) => [name, option] as const)))

export function findProgramOption(name: string): ProgramOption | undefined {
  return byName.get(name)
}
