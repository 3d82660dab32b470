# A repository with history, cloned (with hard links and without), changed, repacked, pushed back and checked.
rm -rf /root/git
mkdir -p /root/git
cd /root/git
export GIT_AUTHOR_NAME=s GIT_AUTHOR_EMAIL=s@localhost GIT_COMMITTER_NAME=s GIT_COMMITTER_EMAIL=s@localhost
git init -q -b main origin
cd origin
cp -a /usr/share/perl5 /etc/ . 2>/dev/null || cp -a /etc .
rm -rf etc/shadow* etc/gshadow*
for round in 1 2 3 4 5; do
  seq 1 200 | while read -r n; do echo "round $round file $n" >"file-$((n * round % 400))"; done
  git add -A
  git commit -q -m "round $round"
done
git fsck --full --strict
cd ..
git clone -q origin linked
git clone -q --no-local origin copied
git clone -q --bare origin bare.git
cd linked
git checkout -q -b work
git mv file-2 moved
git rm -q file-4
echo change >>file-6
git commit -q -a -m change
git repack -q -a -d -f
git gc -q --prune=now
git remote add bare ../bare.git
git push -q bare work
git fsck --full --strict
test -z "$(git status --porcelain)"
cd ../copied
git pull -q ../linked work
git stash list
git fsck --full --strict
test -z "$(git status --porcelain)"
cmp ../linked/moved moved
git -C ../bare.git fsck --full --strict
