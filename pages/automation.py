import streamlit as st

st.title("automation")
