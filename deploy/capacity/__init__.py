"""How many pods, cores and bytes so many people need: arithmetic over measured constants.

python -m deploy.capacity                     the tables of docs/operations/capacity.md
python -m deploy.capacity --users 250000 --messages-per-hour 20 --listeners 8
python -m deploy.capacity.measure             the engines' constants anew
"""
