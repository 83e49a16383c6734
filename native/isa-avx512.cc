// AVX-512 (F, BW, DQ, VL), with FMA. 32 registers of 16 floats.
#include <immintrin.h>
#include "kernels.h"
#define VECTOR_BYTES 64
#define DENSE_ROWS 6
#define DENSE_VECTORS 4
#define SPARSE_VECTORS_1 4
#define SPARSE_VECTORS_2 4
#define SPARSE_VECTORS_4 4
#define SPARSE_AT_ONCE_1 4
#define SPARSE_AT_ONCE_2 2
#define SPARSE_AT_ONCE_4 1
#define ISA_NAME "avx512"
namespace avx512 {
#include "body/all.inl"
}
