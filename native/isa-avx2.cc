// AVX2 with FMA. 16 registers of 8 floats.
#include <immintrin.h>
#include "kernels.h"
#define VECTOR_BYTES 32
#define DENSE_ROWS 6
#define DENSE_VECTORS 2
#define SPARSE_VECTORS_1 8
#define SPARSE_VECTORS_2 4
#define SPARSE_VECTORS_4 2
#define SPARSE_AT_ONCE_1 1
#define SPARSE_AT_ONCE_2 1
#define SPARSE_AT_ONCE_4 1
#define ISA_NAME "avx2"
namespace avx2 {
#include "body/all.inl"
}
