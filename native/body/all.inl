// Every kernel body for one instruction set, and its table. Included once by each isa file, inside of its namespace.
#include "vector.inl"
#include "geometry.inl"
#include "gemm-small.inl"
#include "gemm-dense.inl"
#include "pack.inl"
#include "planes.inl"
#include "gemm-sparse.inl"
#include "gemm-by-positions.inl"
#include "choices.inl"
#include "draws.inl"
#include "pack-columns.inl"
#include "transposable.inl"
#include "transposable-blocks.inl"
#include "slices.inl"
#include "csr.inl"
#include "elementwise.inl"
#include "reductions.inl"
#include "losses.inl"
#include "tiles.inl"
#include "masks.inl"
#include "soft-axes.inl"
#include "norm-and-pool.inl"
#include "gather-columns.inl"
#include "embedding.inl"
#include "layer-norm.inl"
#include "attention.inl"
#include "grouped-convolution.inl"
#include "general.inl"

extern const KernelTable table;
const KernelTable table = {
  ISA_NAME,
#define KERNEL(name, parameters) name,
#include "kernels.def"
#undef KERNEL
};
