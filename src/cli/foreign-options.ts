// foreign-options - options of mount(8) and other union filesystems, and how the same is asked for here.

const instead: Readonly<Record<string, string>> = {
  ro: 'leave UPPER out for a read-only mount',
  rw: 'a mount with an UPPER is writable',
  lowerdir: 'lowers are the first argument: LOWER[:LOWER...]',
  upperdir: 'the upper is the argument behind the lowers',
  workdir: 'write --workdir DIR',
  dirs: 'layers are arguments: LOWER[:LOWER...] UPPER MOUNTPOINT',
  br: 'layers are arguments: LOWER[:LOWER...] UPPER MOUNTPOINT',
  allow_other: 'write --allow-other',
  dev: 'write --dev',
  nodev: 'write --no-dev',
  suid: 'write --suid',
  nosuid: 'write --no-suid',
  noatime: 'every mount is noatime',
  volatile: 'write --volatile',
  cow: 'a mount with an UPPER copies on write',
  userxattr: 'marks are user.overlay.* wherever the daemon may not write trusted.overlay.*',
}

const synonyms: Readonly<Record<string, string>> = { '-r': 'ro', '--ro': 'ro', '--read-only': 'ro', '--readonly': 'ro', '-w': 'rw', '--rw': 'rw', '--lowerdir': 'lowerdir', '--upperdir': 'upperdir' }

// What to do instead of `word`, with the word behind it when that belongs to it; undefined for an option nobody has.
export function insteadOf(word: string, next: string | undefined): string | undefined {
  const key = word.replace(/=.*$/s, '')
  const known = synonyms[key]
  if (known !== undefined) return instead[known]
  const list = /^-o(.*)$/s.exec(key)?.[1] ?? (key === '--options' ? '' : undefined)
  if (list === undefined) return undefined
  const value = list !== '' ? word.slice(2) : word.includes('=') ? word.slice(word.indexOf('=') + 1) : (next ?? '')
  const found = value.split(',').map((option) => instead[option.replace(/=.*$/s, '')]).filter((text) => text !== undefined)
  return found.length > 0 ? found.join('; ') : 'mount options are written as options of this command (--no-dev, --allow-other, --workdir DIR)'
}
