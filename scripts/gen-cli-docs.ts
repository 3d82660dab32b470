// gen-cli-docs - writes docs/CLI.md from the table of options; with --check it only says whether the file is up to date.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { commands, optionLabel, type CommandRow } from '../src/config/options.js'
import { programOptions, type ProgramOption } from '../src/program/table.js'

const target = fileURLToPath(new URL('../../docs/CLI.md', import.meta.url))

const closing = `## Exit status
| status | meaning |
|---|---|
| 0 | Done. For \`mount\`: the union is in the mount table and can be used. |
| 1 | Failed; one clear message is on stderr, and nothing is left half done. |
| 2 | The command line is wrong; nothing was tried. |

127 comes from the starter when node or the program files cannot be found.

## The daemon
\`mount\` returns when the union can be used. The daemon behind it runs in a session of its own with \`/\` as working directory and holds
neither stdin, stdout nor stderr of its caller. It ends by itself when the mount ends, whoever unmounts: \`unionfs umount\`, \`umount\`,
\`fusermount3 -u\`, lazily or not; it serves on as long as another union has the tree as a layer, another mount namespace (a container) holds
it, or, after a lazy unmount, programs use it. SIGTERM, SIGINT and SIGHUP unmount: plainly, or lazily when programs still use the tree; these are then served
for ten more seconds, or until a second signal.

Live mounts are listed in \`/run/unionfs\` (root), \`$XDG_RUNTIME_DIR/unionfs\` or \`/tmp/unionfs-UID\`: a JSON file and a unix socket each. The
directory must belong to the user and be closed to others, or it is not used. The entry of a daemon that died stays as long as its mount does:
\`status\` names such a mount, \`unionfs umount\` (or \`umount -l\`) removes it.

## Sealed layers and the path index
A seal ends when the root of the layer is changed, renamed or becomes an upper, and when a union writes below it; the next mount of the layer then warns, and
reads it as any other. A directory above it may be renamed: the layer is recognised, and the index learns its new path from the next mount or \`verify\` of it.

A sealed layer that is changed all the same, below its root and without a union, is shown as it was sealed: new names are missing, removed ones are listed and fail
when they are opened, sizes and modes are the old ones. The data is the file's own, within the old size: a longer file is cut there, a shorter one reads as zeros
up to it. Nothing in the layer is damaged by that; seal it again. \`index verify --contents\` tells what differs.

Mounts write no more to an index that has 1024 MiB; \`seal\` and \`index build\` do. It does not shrink by itself: \`gc\` removes layers that are gone, and then, while it is
larger than --max-size, the layer whose last use (a mount, to the hour; a seal or build) is longest ago, sealed or not.

A filesystem that was cloned with its layers (an image, a disk) has their seals, too: [docs/SEMANTICS.md](SEMANTICS.md).

## Layers
\`LOWER[:LOWER...]\` names up to 500 directories, the top one first. Relative paths and symbolic links are resolved once, at mount. In the
mount table the filesystem type is \`fuse.unionfs\` and the source \`unionfs\`. Only LOWER is split at colons and has escapes; UPPER, MOUNTPOINT and
\`--workdir\` are taken as they are: \`unionfs mount 'a\\:b' c:d /mnt\` has the lower \`a:b\` and the upper \`c:d\`. An empty argument is an error.

Arguments are UTF-8. One that is not is refused with its bytes shown (status 2; as a mount program 1), and so is a path that leads, by a link or from the
working directory, to a name that is not. Names inside the layers may be any bytes.

MOUNTPOINT may be a directory that has files in it: they are hidden while the union is mounted, as with mount(8), and nothing is said about it.
It may be one of the LOWERs, or lie in one where layers are taken as private clones (root, user namespaces): the union then takes the place of the layer, which is as it was after the unmount. \`/\` is refused,
as are the upper, the work directory and what lies in them.

An upper or work directory that another mount uses is refused. A lower that a live mount writes to (its upper), and an upper that a live mount has as a
lower, are warned about on stderr, with exit status 0: what one mount writes there, the other shows late, in part or never.

\`--dev\` and \`--suid\` are refused where the kernel or fusermount3 would mount without them: both for ordinary users, \`--dev\` also in user namespaces.

## status
Without MOUNTPOINT one line for each mount: place, state, I/O mode, uptime, daemon, layers. With it, everything, and at the end the last
warnings and errors of the daemon (at most 16, newest last), whether they are logged or not. \`(detached, still used)\` is a mount
that was unmounted while something uses it, \`(in another mount namespace)\` one that is not seen here. Whiteouts are counted by name, in either form.

## status --json
\`{"mounts": [...]}\`; each mount has \`state\`: \`live\` (with all figures; latencies in microseconds), \`silent\` (its daemon does not answer; the exit status is
then 1), \`dead\` (its daemon has died; the exit status is 1 too) or \`unlisted\` (in the mount table, but its daemon is not known to this user). Live and silent
mounts have \`place\`: \`here\`, \`detached\` or \`elsewhere\` (another mount namespace); of a dead one \`mountNamespace\` says \`here\` or \`elsewhere\`.
\`troubles\` of a live one are its last warnings and errors: \`at\`, \`level\`, \`message\`, \`fields\`, and \`times\`, how often the same was said.

## umount of a daemon that is stopped
A daemon that a signal has stopped (SIGSTOP) answers nothing. A plain \`umount\` is then refused at once; \`--lazy\` takes the mount out of the tree, and
exits with 1 and the remedy (\`kill -CONT PID\`), because the daemon, and its lock on the upper, stay until it goes on.

## What the host must offer
Linux 5.6 or newer with \`/dev/fuse\`. Some things need more: private clones of lowers 5.12, whiteout devices made without root 5.8, passthrough 6.9.
A mount has its lowers' roots and a bounded number of other files open: with four threads 256 and one for each lower. Where the limit (\`ulimit -n\`, the hard
one) is lower, the mount is refused with the number it needs; every command needs 40.
\`unionfs doctor\` tries what can be tried, as the user who asks.
`

function section(command: CommandRow): string {
  const lines = [`## unionfs ${command.name}`, '', '```', ...command.usage, '```', command.description, '', '| option | default | meaning |', '|---|---|---|']
  for (const option of command.options) lines.push(`| \`${escapeCell(optionLabel(option))}\` | ${escapeCell(option.default)} | ${escapeCell(option.help)} |`)
  return lines.join('\n')
}

const programText = `## As a mount program

\`\`\`
unionfs [SOURCE] MOUNTPOINT -o OPTION[,OPTION...] [-o ...] [-f] [-d]
mount.unionfs SOURCE MOUNTPOINT [-o ...]
fuse-overlayfs [SOURCE] MOUNTPOINT -o ...
\`\`\`
The form in which container engines, mount(8) and fstab call a FUSE overlay (\`docs/CONTAINERS.md\`). It is taken when -o is among the arguments and no verb
comes first, and always under the names \`fuse-overlayfs\` and \`mount.*\`. Words may stand in any order; the last one that is no option is the mount point. A
list of options is split at commas; quotes around a value, and a backslash before a comma, keep it whole; empty options are nothing. Backslashes: \`\\:\` or \`\\\\:\` is a
colon in the name of a lower, \`\\ooo\` a byte in octal. An option nobody knows is told on stderr (\`unknown argument ignored: X\`) and otherwise nothing. Returns 0 when the mount
can be used, 1 with a message when it cannot be made; never 2. -f serves in the foreground, -d or \`debug\` with a log on stderr besides. Under the name
\`fuse-overlayfs\` the mount shows as \`fuse.fuse-overlayfs\`. As \`mount.*\`, -f makes no mount (mount(8)), -n, -s, -v, -t TYPE and -N NS say nothing.
With \`FUSE_OVERLAYFS_DISABLE_OVL_WHITEOUT\` in the environment whiteouts are files (\`docs/FORMAT.md\`).

Such a mount uses the path index where \`UNIONFS_INDEX\` names one, or layers are sealed in the usual one, and learns nothing otherwise (\`docs/DESIGN.md\`, section 13).

`

function programSection(): string {
  const lines = [programText.trimEnd(), '', '| option | default | meaning |', '|---|---|---|']
  for (const option of programOptions) lines.push(`| ${programNames(option)} | ${option.default} | ${option.type === 'ignored' ? 'Ignored. ' : ''}${escapeCell(option.help)} |`)
  return `${lines.join('\n')}\n`
}

function programNames(option: ProgramOption): string {
  const suffix = { flag: '', ignored: '', switch: '=0\\|1', choice: `=${option.choices?.join('\\|') ?? ''}`, text: '=', integer: '=N', seconds: '=SECONDS', mapping: '=' }[option.type]
  return option.names.map((name) => `\`${name}${suffix}\``).join(', ')
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|')
}

const text = [
  '# The command line',
  '',
  '<!-- Made from src/config/options.ts and src/program/table.ts by scripts/gen-cli-docs.ts: `make docs`. Do not edit. -->',
  '',
  ...commands.map((command) => `${section(command)}\n`),
  programSection(),
  closing,
].join('\n')

if (process.argv.includes('--check')) {
  let present = ''
  try {
    present = readFileSync(target, 'utf8')
  } catch {
    // a missing file is an outdated one
  }
  if (present !== text) {
    console.error('docs/CLI.md does not say what src/config/options.ts says: run `make docs`')
    process.exitCode = 1
  }
} else {
  writeFileSync(target, text)
}
