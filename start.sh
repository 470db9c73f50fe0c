R=/work/wt/expl
export PYTHONPATH=$R
cd /tmp/x
rm -rf node idx; mkdir node
$R/.venv/bin/python -P -m cli.main node --dev --base-path node --rpc-port 19944 >node.log 2>&1 & echo $! > node.pid
