"""What `import cadc` offers a notebook or a script; each name is reached as `cadc.NAME`."""
