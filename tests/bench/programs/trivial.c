/* trivial: a dynamically linked program that does nothing, for the start-up benchmark. */
int main(void)
{
    return 0;
}
