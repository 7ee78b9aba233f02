set -u
export S=/tmp/h/scratch-s6-engA/fd; rm -rf $S; mkdir -p $S/{cache,run,state,repo,m}; chmod 700 $S/run
export XDG_CACHE_HOME=$S/cache XDG_RUNTIME_DIR=$S/run XDG_STATE_HOME=$S/state XDG_CONFIG_HOME=$S/config HOME=$S
cd $S/repo; git init -q .; git config user.email a@b; git config user.name a
PATH=/tmp/h/s6/engA/.venv/bin:$PATH
export DVC_NO_ANALYTICS=1
dvc=/tmp/h/s6/engA/.tools/dvc3/bin/dvc
$dvc init -q; mkdir d; for i in $(seq 1 3000); do echo $i > d/$i; done; $dvc add -q d; git add -A; git commit -qm x
ulimit -Sn 1024
echo "soft $(ulimit -Sn) hard $(ulimit -Hn)"
vfs mount --repo $S/repo --rev HEAD $S/m
bad=0; for i in $(seq 1 3000); do r=$(cat $S/m/d/$i 2>/dev/null); [ "$r" = "$i" ] || { bad=$((bad+1)); [ $bad = 1 ] && echo "first bad: $i"; }; done
echo "bad reads: $bad"
vfs status; echo "status $?"
vfs umount $S/m; echo "umount $?"
grep -v INFO $S/state/vfs/*.log | cut -c1-220 | sort | uniq -c | sort -rn | head -8
umount -l $S/m 2>/dev/null
