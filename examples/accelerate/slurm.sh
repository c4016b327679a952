#!/bin/bash
# Two machines with four GPUs each: sbatch examples/accelerate/slurm.sh RUN.yaml [key=value ...]
#SBATCH --job-name=tof
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --time=12:00:00
#SBATCH --signal=TERM@120   # a stopped run goes on at its last epoch: submit it again

set -eu
export OMP_NUM_THREADS=8
main=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
processes=$((SLURM_NNODES * SLURM_GPUS_ON_NODE))

# $SLURM_PROCID is the number of the machine, so it is for the inner shell.
# shellcheck disable=SC2016
srun bash -c 'accelerate launch --config_file examples/accelerate/machines.yaml \
    --num_machines "$SLURM_NNODES" --num_processes '"$processes"' --machine_rank "$SLURM_PROCID" \
    --main_process_ip '"$main"' examples/run_tof.py "$@"' run "$@"
